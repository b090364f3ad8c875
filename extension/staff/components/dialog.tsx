import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

import { useTypedText } from './typed_text';

const FOCUSABLE = 'input, select, textarea, button, a[href]';

/**
 * A question or a form above the page; Escape and Cancel leave everything as it was. Where something has been typed,
 * Escape asks first, since it is easily pressed for another reason. The focus stays inside, also when what had it goes
 * away, as a list's entry does.
 */
export function Dialog(props: {
  title: string;
  close: () => void;
  testId?: string;
  className?: string;
  /** Another value than before once what was typed is saved, where the dialog stays open. */
  settled?: unknown;
  children: ReactNode;
}): React.JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const typed = useTypedText(dialog, props.settled);
  // Closed before it is taken out of the page: only then does the focus go back to where it came from.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const { close } = props;
  const leave = (): void => {
    if (typed.isThere() && !typed.isAsked) {
      typed.ask();
    } else {
      close();
    }
  };
  const latest = useRef({ leave, close });
  latest.current = { leave, close };
  useLayoutEffect(() => {
    // React knows the cancel of a dialog, but not in every version the one that Escape makes.
    const shown = dialog.current;
    const cancel = (event: Event): void => {
      event.preventDefault();
      latest.current.leave();
    };
    // A browser closes by itself at a second Escape, without asking.
    const closed = (): void => latest.current.close();
    shown?.addEventListener('cancel', cancel);
    shown?.addEventListener('close', closed);
    return () => {
      shown?.removeEventListener('cancel', cancel);
      shown?.removeEventListener('close', closed);
    };
  }, []);
  useLayoutEffect(() => {
    const shown = dialog.current;
    if (shown === null) {
      return undefined;
    }
    let last: Element | null = null;
    const remember = (event: FocusEvent): void => {
      last = event.target instanceof Element ? event.target : null;
    };
    const observer = new MutationObserver(() => {
      if (!shown.open || shown.contains(document.activeElement)) {
        return;
      }
      if (last instanceof HTMLElement && shown.contains(last)) {
        // A button that is switched off while it works loses the focus, and gets it back with its answer.
        if (!last.matches(':disabled')) {
          last.focus();
        }
      } else {
        shown.querySelector<HTMLElement>(FOCUSABLE)?.focus();
      }
    });
    observer.observe(shown, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ['disabled']
    });
    shown.addEventListener('focusin', remember);
    return () => {
      observer.disconnect();
      shown.removeEventListener('focusin', remember);
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      className={props.className}
      data-testid={props.testId}
    >
      <h2 id={title}>{props.title}</h2>
      {props.children}
      {typed.isAsked && (
        <p className="notice waiting" role="alert">
          What you typed is not saved. Press Escape again to throw it away.
        </p>
      )}
    </dialog>
  );
}
