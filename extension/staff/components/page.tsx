// The head of a page: where one is, its name, and the focus after a step within the pages.

import { Fragment, useEffect, useRef, type ReactNode } from 'react';

import type { Place } from '../navigation/addresses';
import { hasMoved, Link } from '../navigation/router';

export interface Crumb {
  title: string;
  to: Place;
}

export function Page(props: {
  title: string;
  /** Changes when the page has become another one under its old title; the focus then goes to the heading. */
  about?: string;
  crumbs?: Crumb[];
  aside?: ReactNode;
  testId: string;
  className?: string;
  children: ReactNode;
}): React.JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const { title } = props;
  useEffect(() => {
    document.title = `${title} – Studyhall`;
  }, [title]);
  const first = useRef(props.about);
  useEffect(() => {
    // The browser puts the focus on a page that it loads; after that it is ours to put.
    if (hasMoved() || props.about !== first.current) {
      heading.current?.focus({ preventScroll: true });
    }
  }, [props.about]);
  return (
    <div className={`page ${props.className ?? ''}`} data-testid={props.testId}>
      {props.crumbs && props.crumbs.length > 0 && (
        <nav className="crumbs" aria-label="You are in">
          {props.crumbs.map((crumb, index) => (
            <Fragment key={crumb.title}>
              {index > 0 && <span aria-hidden="true">/</span>}
              <Link to={crumb.to}>{crumb.title}</Link>
            </Fragment>
          ))}
        </nav>
      )}
      <div className="page-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {props.aside}
      </div>
      {props.children}
    </div>
  );
}
