/** The keyboard map. */
import { KEY_BINDINGS } from '../logic/keys.ts';
import { DialogFrame } from './dialog_frame.tsx';

export function KeysDialog() {
  return (
    <DialogFrame title="Keys" wide>
      <dl class="keys">
        {KEY_BINDINGS.map(({ command, shown, text }) => (
          <div key={command}>
            <dt>
              {shown.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="how">On a Mac, ⌘ in place of Ctrl. In the mask, arrow keys move the brush and Enter marks.</p>
    </DialogFrame>
  );
}
