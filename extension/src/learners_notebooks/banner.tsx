import { VDomRenderer } from '@jupyterlab/ui-components';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';

import type { LearnersNotebook } from './model';
import { duration } from './outcome';

const MOST_SHOWN = 8;
/** The share of the window that the banner may take; the rest of it can be scrolled to. */
const MOST_HEIGHT = 0.4;

export interface BannerActions {
  readonly goToCell: (index: number) => void;
}

/** Above a learner's notebook: that its code does not run here, and where it can. */
export class Banner extends VDomRenderer<LearnersNotebook> {
  constructor(
    model: LearnersNotebook,
    private readonly _actions: BannerActions
  ) {
    super(model);
    this.addClass('sh-Learners');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', model.trans.__('A learner’s work'));
    this.node.dataset.testid = 'learners-banner';
  }

  protected override render(): React.JSX.Element {
    const { model } = this;
    const { trans } = model;
    const whose = [model.work.student, model.work.assignment].filter(Boolean).join(', ');
    return (
      <Measured onHeight={this._grow}>
        <div className="sh-Learners-row">
          <p className="sh-Learners-text">
            <strong>{trans.__('This is a learner’s work.')}</strong>{' '}
            {model.hasKernel
              ? trans.__('A kernel on your server runs its code: it can do what you can.')
              : trans.__('Its code does not run on your server.')}
            {whose && <span className="sh-Quiet"> ({whose})</span>}
          </p>
          <div className="sh-Learners-buttons">
            {model.busy ? (
              <button
                type="button"
                className="jp-Button jp-mod-styled sh-Button"
                data-testid="sandbox-cancel"
                onClick={() => model.cancel()}
              >
                {trans.__('Cancel')}
              </button>
            ) : (
              <button
                type="button"
                className="jp-Button jp-mod-styled jp-mod-accept sh-Button"
                data-testid="sandbox-run"
                onClick={() => void model.run()}
              >
                {model.stage === 'done' ? trans.__('Run again') : trans.__('Run in the sandbox')}
              </button>
            )}
            {model.hasKernel ? (
              <button
                type="button"
                className="jp-Button jp-mod-styled sh-Button"
                data-testid="kernel-shut-down"
                onClick={() => void model.shutDown()}
              >
                {trans.__('Shut the kernel down')}
              </button>
            ) : (
              <button
                type="button"
                className="jp-Button jp-mod-styled sh-Button"
                data-testid="kernel-anyway"
                onClick={() => void model.openWithKernel()}
              >
                {trans.__('Open with a kernel anyway…')}
              </button>
            )}
          </div>
        </div>
        <div role="status" className="sh-Learners-state" data-testid="sandbox-state">
          {model.stage === 'running' && <Running model={model} />}
          {model.stage === 'cancelled' && <p className="sh-Quiet">{model.message}</p>}
          {model.stage === 'done' && <p>{headline(model)}</p>}
        </div>
        {model.stage === 'failed' && (
          <p role="alert" className="sh-Learners-failed" data-testid="sandbox-failed">
            {model.message}
          </p>
        )}
        {model.stage === 'done' && <Details model={model} goToCell={this._actions.goToCell} />}
      </Measured>
    );
  }

  /** Lab gives what stands above a notebook just the height that its style asks for. */
  private readonly _grow = (height: number): void => {
    this.node.style.minHeight = `${Math.min(height, Math.round(MOST_HEIGHT * window.innerHeight))}px`;
    this.parent?.fit();
  };
}

/** Tells the height of what is in it, whenever that changes. */
function Measured(props: {
  onHeight: (height: number) => void;
  children: React.ReactNode;
}): React.JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const { onHeight } = props;
  useLayoutEffect(() => {
    const inner = host.current;
    if (!inner) {
      return undefined;
    }
    const observer = new ResizeObserver(() => onHeight(inner.offsetHeight));
    observer.observe(inner);
    return () => observer.disconnect();
  }, [onHeight]);
  return (
    <div className="sh-Learners-inner" ref={host}>
      {props.children}
    </div>
  );
}

function Running(props: { model: LearnersNotebook }): React.JSX.Element {
  const { model } = props;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((now - model.startedAt) / 1000));
  return (
    <p>
      {model.message || model.trans.__('Running in the sandbox…')}
      {/* A screen reader hears that it runs, not every second of it. */}
      <span aria-hidden="true" className="sh-Quiet">
        {' '}
        {duration(seconds)}
      </span>
    </p>
  );
}

function headline(model: LearnersNotebook): string {
  const { trans } = model;
  const time = duration(model.took);
  const ran = trans._n('Ran %1 cell in the sandbox', 'Ran %1 cells in the sandbox', model.ran);
  const failed = model.failures.length;
  const what = failed
    ? trans._n('%1 has failed.', '%1 have failed.', failed)
    : trans.__('None has failed.');
  return `${trans.__('%1 in %2.', ran, time)} ${what}`;
}

function Details(props: {
  model: LearnersNotebook;
  goToCell: (index: number) => void;
}): React.JSX.Element {
  const { model, goToCell } = props;
  const { trans } = model;
  const hidden = model.failures.length - MOST_SHOWN;
  const asides = [
    ...model.notes.slice(0, MOST_SHOWN),
    ...(model.changed
      ? [
          trans._n(
            '%1 cell was changed meanwhile and keeps its outputs.',
            '%1 cells were changed meanwhile and keep their outputs.',
            model.changed
          )
        ]
      : []),
    ...(model.leftOut.length
      ? [trans.__('Too large to go along, and so left out: %1.', model.leftOut.join(', '))]
      : [])
  ];
  return (
    <>
      {model.failures.length > 0 && (
        <ul className="sh-Learners-failures" data-testid="sandbox-failures">
          {model.failures.slice(0, MOST_SHOWN).map(({ index, text }) => (
            <li key={index}>
              <button type="button" className="sh-Link" onClick={() => goToCell(index)}>
                {trans.__('Cell %1', index + 1)}
              </button>{' '}
              {text}
            </li>
          ))}
          {hidden > 0 && <li>{trans._n('%1 more', '%1 more', hidden)}</li>}
        </ul>
      )}
      {asides.length > 0 && (
        <ul className="sh-Learners-failures" data-testid="sandbox-notes">
          {asides.map(text => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      <p className="sh-Quiet">
        {trans.__('The outputs are only in this view. They go into the file when you save it.')}
      </p>
    </>
  );
}
