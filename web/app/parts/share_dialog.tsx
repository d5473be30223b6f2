/** The settings of the selected picture as text to copy: a link, a command line, code. */
import { Check, Copy } from 'lucide';
import { useState } from 'preact/hooks';
import { fileName } from '../logic/file_name.ts';
import { settingsOfRecord } from '../logic/restore.ts';
import { toCode, toCommandLine, toEditLine, toFragment } from '../logic/sharing.ts';
import { defaults, selectedEntry } from '../state.ts';
import { DialogFrame } from './dialog_frame.tsx';
import { IconButton } from './icon.tsx';

export function ShareDialog() {
  const entry = selectedEntry.value;
  const record = entry?.record;
  if (!record) return null;
  const settings = settingsOfRecord(record);
  const link = new URL(location.href);
  link.hash = toFragment(settings, defaults.value);
  return (
    <DialogFrame title="Copy as">
      {record.edit && (
        <p class="warning" role="note">
          This is an edit of another picture: link and code have its words and settings, and neither picture.
        </p>
      )}
      <Copyable name="Link" text={link.href} tip="The settings stand behind the #, which is sent to no server." />
      {record.edit ? (
        <Copyable name="Command line" text={toEditLine(fileName(entry))} tip="Needs both pictures, saved as files." />
      ) : (
        <Copyable name="Command line" text={toCommandLine(settings, record.sweep)} />
      )}
      <Copyable name="Code" text={toCode(settings)} />
    </DialogFrame>
  );
}

export function Copyable({ name, text, tip }: { name: string; text: string; tip?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    void navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <section class="copyable" aria-label={name}>
      <header>
        <h3>{name}</h3>
        <IconButton of={copied ? Check : Copy} name={copied ? 'Copied' : `Copy ${name.toLowerCase()}`} onClick={copy} />
      </header>
      <pre tabIndex={0}>{text}</pre>
      {tip && <small>{tip}</small>}
    </section>
  );
}
