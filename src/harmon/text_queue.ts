/** Text on its way from a task that makes it to a reader with a pace of its own. */
export class TextQueue {
  private readonly pieces: string[] = [];
  private wake: () => void = () => undefined;
  private ended = false;

  push(piece: string): void {
    this.pieces.push(piece);
    this.wake();
  }

  /** No more will come. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  /** Pieces in order, until the end. */
  async *read(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const piece = this.pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.ended) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
