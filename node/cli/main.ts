/** Runs the command line in this process and ends it with the right code: 0, 1 for failures, 2 for wrong usage, 128 + signal. */
import { CommanderError } from 'commander';
import { ArgumentError, FileError, OvertoneError } from '../../src/engine/index.ts';
import { reasonOf, removeUnfinished } from '../files.ts';
import { createProgram } from './program.ts';
import { type Progress, createProgress } from './progress.ts';
import { listen } from './signals.ts';
import { visible, visibleLines } from './wording.ts';

export async function main(args: readonly string[]): Promise<never> {
  const interrupts = listen();
  let progress: Progress | undefined;
  process.on('exit', () => {
    progress?.stop();
    removeUnfinished();
  });
  // whoever read the results has gone (… | head -1): there is nobody left to work for
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    const why = error.code === 'ENOSPC' ? 'no space left' : reasonOf(error);
    process.exit(report(new FileError(`standard output cannot be written: ${why}`, { cause: error }), false));
  });
  process.stderr.on('error', () => undefined);

  const program = createProgram((settings) => {
    progress = createProgress({ enabled: settings.progress, stream: process.stderr });
    return {
      signal: interrupts.signal,
      progress,
      print: (text) => void process.stdout.write(text),
      note: (text) => void process.stderr.write(visibleLines(text)),
    };
  });
  let code = 0;
  try {
    await program.parseAsync(withCommand(args), { from: 'user' });
  } catch (error) {
    progress?.stop();
    code = interrupts.code() ?? report(error, args.includes('--verbose') || Boolean(process.env.OVERTONE_DEBUG));
  }
  await new Promise((resolve) => process.stdout.write('', resolve));
  // Dawn would keep the event loop alive
  process.exit(interrupts.code() ?? code);
}

/** Without a command there is a session; options alone are its options. */
function withCommand(args: readonly string[]): string[] {
  const isOfProgram = ['-h', '--help', '-V', '--version'].includes(args[0]);
  return args.length === 0 || (args[0].startsWith('-') && !isOfProgram) ? ['session', ...args] : [...args];
}

/** Says what went wrong in one sentence; returns the exit code. */
export function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has said it
  const isOurs = error instanceof OvertoneError;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const sentence = isOurs ? message : `an unexpected error, please report it: ${message.split('\n')[0]}`;
  process.stderr.write(`overtone: ${visible(sentence.trimEnd())}\n`);
  if (verbose) process.stderr.write(`${visibleLines(stack ?? '')}\n`);
  else if (!isOurs) process.stderr.write('overtone: --verbose shows where it happened\n');
  return error instanceof ArgumentError ? 2 : 1;
}
