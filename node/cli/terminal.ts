/** What the terminal can show, asked of itself: terminals answer "which features have you?" (DA1) as if the answer were typed. */
import type { ReadStream, WriteStream } from 'node:tty';

const QUESTION = '\x1b[c';
const ANSWER = /\x1b\[\?([\d;]*)c/;
/** Of the features in an answer. */
const SIXEL = '4';

/**
 * Whether the terminal says within `patience` milliseconds that it shows sixels. What else was typed meanwhile is left for the next reader.
 * Both streams must be the terminal.
 */
export function showsSixels(
  input: Pick<ReadStream, 'on' | 'off' | 'pause' | 'resume' | 'unshift' | 'setRawMode'>,
  output: Pick<WriteStream, 'write'>,
  patience = 300,
): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = '';
    const end = () => {
      clearTimeout(timer);
      input.off('data', hear);
      input.pause();
      input.setRawMode(false);
      const [answer, features = ''] = ANSWER.exec(heard) ?? [''];
      const rest = heard.replace(answer, '');
      if (rest) input.unshift(Buffer.from(rest, 'latin1'));
      resolve(features.split(';').slice(1).includes(SIXEL));
    };
    const hear = (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      if (ANSWER.test(heard)) end();
    };
    const timer = setTimeout(end, patience);
    input.setRawMode(true); // so that the answer is not shown
    input.on('data', hear);
    input.resume();
    output.write(QUESTION);
  });
}
