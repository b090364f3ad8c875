// Real addresses without reloading: links go through the browser's history, so back, forward and sharing work.

import { useLayoutEffect, useSyncExternalStore, type MouseEvent, type ReactNode } from 'react';

import { settings } from '../settings';

import { addressOf, placeOf, type Place } from './addresses';

const listeners = new Set<() => void>();

/** Whether the person has moved since the page was loaded; only then is focus ours to move. */
let moved = false;

function tell(): void {
  moved = true;
  listeners.forEach(listener => {
    listener();
  });
}

window.addEventListener('popstate', tell);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function here(): string {
  return `${window.location.pathname}${window.location.search}`;
}

export function hasMoved(): boolean {
  return moved;
}

/** The full path of a page, to be shared. */
export function pathOf(place: Place): string {
  return settings.prefix + addressOf(place);
}

/** Goes to a page; `replace` leaves no step for the back button, as for each letter of a search. */
export function go(place: Place, how: 'push' | 'replace' = 'push'): void {
  const path = pathOf(place);
  if (path === here()) {
    return;
  }
  if (how === 'push') {
    window.history.pushState(null, '', path);
    window.scrollTo(0, 0);
  } else {
    window.history.replaceState(null, '', path);
  }
  tell();
}

/**
 * Lets the address name what a page has come to show, without a step for the back button.
 * Null leaves it as it is. It is said while the page is drawn: said any later, it would take back
 * where a key or a click that was quicker has gone meanwhile.
 */
export function useAddress(place: Place | null): void {
  useLayoutEffect(() => {
    if (place !== null) {
      go(place, 'replace');
    }
  });
}

/** The page that the address bar names. */
export function usePlace(): Place {
  const address = useSyncExternalStore(subscribe, here);
  const [path = '', search = ''] = address.split(/(?=\?)/, 2);
  const below = path.startsWith(settings.prefix) ? path.slice(settings.prefix.length) : path;
  return placeOf(below, search);
}

/** A link to a page; with a modifier key or the middle button it stays the browser's own. */
export function Link(props: {
  to: Place;
  children: ReactNode;
  className?: string | undefined;
  current?: 'page' | 'true' | undefined;
  title?: string | undefined;
  testId?: string | undefined;
  tabIndex?: number | undefined;
}): React.JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (
      event.button === 0 &&
      !event.metaKey &&
      !event.ctrlKey &&
      !event.shiftKey &&
      !event.altKey
    ) {
      event.preventDefault();
      go(props.to);
    }
  };
  return (
    <a
      href={pathOf(props.to)}
      className={props.className}
      aria-current={props.current}
      title={props.title}
      data-testid={props.testId}
      tabIndex={props.tabIndex}
      onClick={follow}
    >
      {props.children}
    </a>
  );
}
