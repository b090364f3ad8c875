import {
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactNode
} from 'react';

export interface MenuItem {
  words: string;
  act: () => void;
  testId?: string;
  /** Why it cannot be chosen now; it is then shown with its reason. */
  unavailable?: string | undefined;
}

/** A button that opens a list of things to do: arrows move, Escape closes, the focus goes back to the button. */
export function Menu(props: {
  label: string;
  items: MenuItem[];
  children: ReactNode;
  className?: string;
  testId?: string;
}): React.JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const menu = useId();
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };

  useLayoutEffect(() => {
    const shown = list.current;
    const at = button.current?.getBoundingClientRect();
    if (!isOpen || !shown || !at) {
      return;
    }
    // Fixed to the window, since the table around it scrolls and would cut it off.
    const width = shown.offsetWidth;
    const left = Math.min(Math.max(8, at.right - width), window.innerWidth - width - 8);
    const below = at.bottom + 4;
    const top =
      below + shown.offsetHeight > window.innerHeight
        ? Math.max(8, at.top - shown.offsetHeight - 4)
        : below;
    shown.style.left = `${left}px`;
    shown.style.top = `${top}px`;
    shown.querySelector<HTMLElement>('[role=menuitem]')?.focus();
  }, [isOpen]);

  useEffect(() => {
    if (!isOpen) {
      return undefined;
    }
    const away = (event: Event): void => {
      const target = event.target;
      if (
        target instanceof Node &&
        !list.current?.contains(target) &&
        !button.current?.contains(target)
      ) {
        setOpen(false);
      }
    };
    const shut = (): void => setOpen(false);
    document.addEventListener('pointerdown', away);
    window.addEventListener('resize', shut);
    window.addEventListener('scroll', away, true);
    return () => {
      document.removeEventListener('pointerdown', away);
      window.removeEventListener('resize', shut);
      window.removeEventListener('scroll', away, true);
    };
  }, [isOpen]);

  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const entries = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=menuitem]')];
    const at = entries.findIndex(entry => entry === document.activeElement);
    const to = {
      ArrowDown: (at + 1) % entries.length,
      ArrowUp: (at - 1 + entries.length) % entries.length,
      Home: 0,
      End: entries.length - 1
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      entries[to]?.focus();
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === 'Tab') {
      setOpen(false);
    }
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        className={props.className}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? menu : undefined}
        aria-label={props.label}
        title={props.label}
        data-testid={props.testId}
        onClick={() => setOpen(!isOpen)}
        onKeyDown={event => {
          if (event.key === 'ArrowDown' && !isOpen) {
            event.preventDefault();
            event.stopPropagation();
            setOpen(true);
          }
        }}
      >
        {props.children}
      </button>
      {isOpen && (
        <div
          ref={list}
          id={menu}
          role="menu"
          aria-label={props.label}
          className="menu"
          onKeyDown={move}
        >
          {props.items.map(item => (
            <button
              key={item.words}
              type="button"
              role="menuitem"
              tabIndex={-1}
              aria-disabled={item.unavailable !== undefined}
              data-testid={item.testId}
              onClick={() => {
                if (item.unavailable === undefined) {
                  close();
                  item.act();
                }
              }}
            >
              {item.words}
              {item.unavailable !== undefined && (
                <span className="quiet small">{item.unavailable}</span>
              )}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
