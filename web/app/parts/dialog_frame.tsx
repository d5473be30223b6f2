/** A modal dialog over the page: the element's own, so that Escape, focus and the screen reader behave as everywhere. */
import { X } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { dialog } from '../state.ts';
import { IconButton } from './icon.tsx';

interface FrameProps {
  readonly title: string;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}

export const closeDialog = (): void => {
  dialog.value = undefined;
};

export function DialogFrame({ title, wide, children }: FrameProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const open = element.current;
    if (open && !open.open) open.showModal();
    return () => open?.close();
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby="dialog-title"
      onClose={closeDialog}
      onClick={(event) => {
        if (event.target === element.current) closeDialog();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id="dialog-title">{title}</h2>
          <IconButton of={X} name="Close" onClick={closeDialog} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
