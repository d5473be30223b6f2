/** Talking about the selected picture: what was asked and answered, the answer that is coming, and the next question. */
import { ArrowUp, Brush, Square, X } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';
import { change } from '../history_actions.ts';
import { receive } from '../incoming.ts';
import { config, dialog, selectedEntry } from '../state.ts';
import { answering, ask, stopAnswer } from '../talk.ts';
import { model } from '../model.ts';
import { FileButton } from './file_button.tsx';
import { Icon, IconButton } from './icon.tsx';
import { ImagePlus } from 'lucide';

const SUGGESTIONS = ['What is in the image?', 'What is on the left?', 'How many objects are there?'];

export function AskPanel() {
  const entry = selectedEntry.value;
  const [question, setQuestion] = useState('');
  const log = useRef<HTMLDivElement>(null);
  const now = answering.value?.entry === entry?.id ? answering.value : undefined;
  const said = entry?.talk ?? [];
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [said.length, now?.answer]);
  const standard = 'question' in config.value ? config.value.question : 'Describe the image in detail.';
  const isReady = model.value.state === 'ready' && entry !== undefined && !answering.value;
  const send = (text: string) => {
    if (!entry || !isReady) return;
    setQuestion('');
    void ask(entry.id, text);
  };
  return (
    <section class="ask" aria-label="Ask about a picture">
      <div class="talk" ref={log} role="log" aria-live="polite" aria-label="Questions and answers" data-testid="talk">
        {!entry && <p class="empty">Drop a picture here, paste one, choose a file, or draw.</p>}
        {said.map(({ question: asked, answer }, i) => (
          <Exchange key={i} question={asked} answer={answer} />
        ))}
        {now && <Exchange question={now.question} answer={now.answer} streaming />}
        {entry && said.length === 0 && !now && (
          <div class="suggestions">
            {[standard, ...SUGGESTIONS].map((text) => (
              <button type="button" class="chip" key={text} disabled={!isReady} onClick={() => send(text)}>
                {text}
              </button>
            ))}
          </div>
        )}
      </div>
      <form
        class="question"
        aria-label="Ask"
        onSubmit={(event) => {
          event.preventDefault();
          send(question);
        }}
      >
        <input
          id="question"
          type="text"
          aria-label="Question"
          maxLength={1000}
          placeholder={standard}
          value={question}
          onInput={(event) => setQuestion(event.currentTarget.value)}
        />
        <FileButton of={ImagePlus} name="Choose a picture" accept="image/*" onFiles={(files) => void receive(files)} />
        <IconButton of={Brush} name="Draw a picture" onClick={() => (dialog.value = 'draw')} />
        {entry && said.length > 0 && (
          <IconButton of={X} name="Forget what was said" onClick={() => change(entry.id, { talk: [] })} />
        )}
        {answering.value ? (
          <button type="button" class="primary" onClick={stopAnswer}>
            <Icon of={Square} size={14} /> Stop
          </button>
        ) : (
          <button type="submit" class="primary" disabled={!isReady}>
            <Icon of={ArrowUp} size={16} /> Ask
          </button>
        )}
      </form>
    </section>
  );
}

function Exchange({ question, answer, streaming }: { question: string; answer: string; streaming?: boolean }) {
  return (
    <div class="exchange" aria-busy={streaming}>
      <p class="asked">{question}</p>
      <p class={streaming ? 'answered streaming' : 'answered'}>{answer || (streaming ? '…' : '')}</p>
    </div>
  );
}
