import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import { VDomRenderer } from '@jupyterlab/ui-components';

import type { Attempt, Review, ReviewImprovement, ReviewSuggestion } from '../api/types';
import { Headline } from '../components/headline';
import { Markdown } from '../components/markdown';
import { Notice, Skeleton } from '../components/notices';
import { isFinal } from '../submissions/verdict';
import { inOrder } from './dimensions';
import type { ReviewModel } from './model';
import { proseOnly } from './prose';

/** What a review can set in motion in the notebook. */
export interface ReviewActions {
  goTo(place: {
    notebook: string | null;
    cell: string;
    lineStart: number | null;
    lineEnd: number | null;
  }): void;
  tryOut(suggestion: ReviewSuggestion): void;
}

interface Props {
  model: ReviewModel;
  rendermime: IRenderMimeRegistry;
  actions: ReviewActions;
}

function lineWords(start: number | null, end: number | null, model: ReviewModel): string {
  const { trans } = model.classroom;
  if (start === null) {
    return trans.__('Go to cell');
  }
  return end === null || end === start
    ? trans.__('Go to line %1', start)
    : trans.__('Go to lines %1–%2', start, end);
}

function Improvement(props: Props & { item: ReviewImprovement }): React.JSX.Element {
  const { item, model, actions } = props;
  const { cell_id: cell, notebook, line_start: lineStart, line_end: lineEnd } = item;
  return (
    <li>
      <Markdown text={item.text} rendermime={props.rendermime} />
      {cell && (
        <button
          type="button"
          className="sh-Link"
          onClick={() => actions.goTo({ notebook, cell, lineStart, lineEnd })}
        >
          {lineWords(lineStart, lineEnd, model)}
        </button>
      )}
    </li>
  );
}

function Suggestion(props: Props & { item: ReviewSuggestion }): React.JSX.Element {
  const { item, model, actions } = props;
  const { trans } = model.classroom;
  return (
    <li className="sh-Suggestion">
      <Markdown text={item.explanation} rendermime={props.rendermime} />
      <pre>{item.suggested_code}</pre>
      <div className="sh-Suggestion-actions">
        <button
          type="button"
          className="jp-Button jp-mod-styled sh-Button"
          onClick={() => actions.tryOut(item)}
        >
          {trans.__('Try it in a new cell')}
        </button>
        <button
          type="button"
          className="sh-Link"
          onClick={() =>
            actions.goTo({
              notebook: item.notebook,
              cell: item.cell_id,
              lineStart: item.line_start,
              lineEnd: item.line_end
            })
          }
        >
          {lineWords(item.line_start, item.line_end, model)}
        </button>
      </div>
    </li>
  );
}

function Dimensions(props: { dimensions: Record<string, number> }): React.JSX.Element {
  return (
    <dl className="sh-Dimensions">
      {inOrder(props.dimensions).map(([name, value]) => (
        <div key={name}>
          <dt>{name.replace(/_/g, ' ')}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Complete(props: Props & { review: Review }): React.JSX.Element {
  const { review, model, rendermime } = props;
  const { trans } = model.classroom;
  return (
    <>
      <Markdown text={review.summary} rendermime={rendermime} />
      {review.dimensions && <Dimensions dimensions={review.dimensions} />}
      {review.strengths.length > 0 && (
        <>
          <h3>{trans.__('What works well')}</h3>
          <ul className="sh-Review-list">
            {review.strengths.map((text, index) => (
              <li key={index}>
                <Markdown text={text} rendermime={rendermime} />
              </li>
            ))}
          </ul>
        </>
      )}
      {review.improvements.length > 0 && (
        <>
          <h3>{trans.__('What to look at')}</h3>
          <ul className="sh-Review-list">
            {review.improvements.map((item, index) => (
              <Improvement key={index} {...props} item={item} />
            ))}
          </ul>
        </>
      )}
      {review.code_suggestions.length > 0 && (
        <>
          <h3>{trans.__('Another way to write it')}</h3>
          <ul className="sh-Review-list">
            {review.code_suggestions.map((item, index) => (
              <Suggestion key={index} {...props} item={item} />
            ))}
          </ul>
        </>
      )}
      {review.complexity_analysis && (
        <>
          <h3>{trans.__('Complexity')}</h3>
          <Markdown text={review.complexity_analysis} rendermime={rendermime} />
        </>
      )}
      <p className="sh-Quiet">{trans.__('A review is advice. It never changes your points.')}</p>
    </>
  );
}

/** Says where the code goes, before it goes there. */
function readerWords(model: ReviewModel): string {
  const { trans } = model.classroom;
  switch (model.reviewer) {
    case 'claude':
      return trans.__(
        'Claude writes it, an AI outside of your classroom: what you wrote in this attempt, its tasks and your results are sent there, and not who you are.'
      );
    case 'offline':
      return trans.__('Automatic checks make it. Nothing leaves your classroom.');
    default:
      return '';
  }
}

function Body(props: Props & { attempt: Attempt }): React.JSX.Element {
  const { model, attempt } = props;
  const { trans } = model.classroom;
  const { review } = model;
  const failed = review?.status === 'failed';
  return (
    <>
      {review && (
        <p className="sh-Speaker" data-testid="review-speaker">
          {review.speaker}
        </p>
      )}
      <div role="status" aria-live="polite" data-testid="review-status">
        {review?.status === 'processing' && (
          <Headline mood="waiting" text={trans.__('Reading your attempt…')} />
        )}
        {failed && (
          <Notice
            tone="failed"
            message={
              review.message ||
              trans.__('The review could not be made this time. Your points are not affected.')
            }
          />
        )}
        {model.error && <Notice tone="failed" message={model.error} />}
      </div>
      {review?.status === 'complete' && <Complete {...props} review={review} />}
      {(!review || failed) && model.known && !model.loading && (
        <>
          {!review && (
            <>
              <p className="sh-Quiet">
                {trans.__(
                  'A review reads your submitted code and says what works well and what to look at next. It is advice and never a grade.'
                )}
              </p>
              <p className="sh-Quiet" data-testid="review-reader">
                {readerWords(model)}
              </p>
            </>
          )}
          <button
            type="button"
            className="jp-Button jp-mod-styled jp-mod-accept sh-Button"
            data-testid="ask-review-button"
            disabled={model.asking || !isFinal(attempt)}
            onClick={() => void model.ask()}
          >
            {model.asking
              ? trans.__('Asking…')
              : failed
                ? trans.__('Ask again')
                : trans.__('Ask for a review')}
          </button>
        </>
      )}
      {model.loading && !review && <Skeleton rows={4} label={trans.__('Loading the review')} />}
    </>
  );
}

function PanelView(props: Props): React.JSX.Element {
  const { model } = props;
  const { trans } = model.classroom;
  const attempt = model.submissions.shown;
  return (
    <>
      <div className="sh-Panel-header">
        <h2>{trans.__('Review')}</h2>
        {attempt && <span className="sh-Quiet">{trans.__('of attempt %1', attempt.number)}</span>}
      </div>
      <section className="sh-Section">
        {attempt && (model.offered || model.review) ? (
          <Body {...props} attempt={attempt} />
        ) : attempt ? (
          <Notice
            tone="quiet"
            message={trans.__(
              'This lesson gives no reviews. The hints beside the results may help, or ask your instructor.'
            )}
          />
        ) : (
          <Notice
            tone="quiet"
            message={trans.__('Submit a lesson first; then you can ask for a review of it here.')}
          />
        )}
      </section>
    </>
  );
}

/** The review of an attempt, beside the notebook. */
export class ReviewPanel extends VDomRenderer<ReviewModel> {
  constructor(
    model: ReviewModel,
    private readonly _actions: ReviewActions,
    rendermime: IRenderMimeRegistry
  ) {
    super(model);
    this._rendermime = rendermime.clone({ sanitizer: proseOnly(rendermime.sanitizer) });
    this.id = 'studyhall-review';
    this.node.tabIndex = -1;
    this.addClass('sh-Panel');
    this.addClass('sh-Review');
    this.node.dataset.testid = 'review-panel';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', model.classroom.trans.__('Review'));
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.model.setVisible(true);
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.model.setVisible(false);
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this.node.focus();
  }

  protected override render(): React.JSX.Element {
    return <PanelView model={this.model} actions={this._actions} rendermime={this._rendermime} />;
  }

  private readonly _rendermime: IRenderMimeRegistry;
}
