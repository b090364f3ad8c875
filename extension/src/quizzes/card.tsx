import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { VDomRenderer } from '@jupyterlab/ui-components';
import { type RefObject, useId, useLayoutEffect, useRef } from 'react';

import type { Quiz, QuizQuestion, QuizQuestionResult, QuizResult } from '../api/types';
import { Headline } from '../components/headline';
import { TestIcon } from '../components/icons';
import { Markdown } from '../components/markdown';
import { Notice } from '../components/notices';
import { formatPoints } from '../submissions/verdict';
import { answeredCount, isAnswered, spokenOption } from './answers';
import type { QuizModel } from './model';

interface Props {
  model: QuizModel;
  rendermime: IRenderMimeRegistry;
  /** Tells cards of the same quiz apart, so that their radio buttons do not mix. */
  name: string;
}

function Options({
  model,
  question,
  name,
  rendermime
}: Props & { question: QuizQuestion }): React.JSX.Element {
  return (
    <div className="sh-Quiz-options">
      {question.options.map(option => (
        <label key={option.id} className="sh-Quiz-option">
          <input
            type="radio"
            name={`${name}-${question.id}`}
            value={option.id}
            data-testid={`quiz-option-${question.id}-${option.id}`}
            aria-label={spokenOption(option.text)}
            checked={model.draft[question.id] === option.id}
            disabled={model.submitting}
            onChange={() => model.answer(question.id, option.id)}
          />
          <Markdown text={option.text} rendermime={rendermime} />
        </label>
      ))}
    </div>
  );
}

function QuestionForm(props: Props & { question: QuizQuestion; index: number }): React.JSX.Element {
  const { model, question } = props;
  const { trans } = model.classroom;
  const asked = useId();
  return (
    <fieldset
      className="sh-Quiz-question"
      aria-describedby={asked}
      data-testid={`quiz-question-${question.id}`}
    >
      <legend className="sh-VisuallyHidden">{trans.__('Question %1', props.index + 1)}</legend>
      <div id={asked}>
        <Markdown text={question.text} rendermime={props.rendermime} />
      </div>
      {question.type === 'multiple_choice' ? (
        <Options {...props} />
      ) : (
        <input
          type="text"
          className="sh-Quiz-text"
          aria-label={trans.__('Your answer')}
          aria-describedby={asked}
          placeholder={trans.__('Your answer')}
          autoComplete="off"
          spellCheck={false}
          data-testid={`quiz-text-${question.id}`}
          value={model.draft[question.id] ?? ''}
          disabled={model.submitting}
          onChange={event => model.answer(question.id, event.target.value)}
        />
      )}
    </fieldset>
  );
}

function Dots({ model, quiz }: { model: QuizModel; quiz: Quiz }): React.JSX.Element {
  return (
    <span className="sh-Quiz-dots" aria-hidden="true">
      {quiz.questions.map(question => (
        <span
          key={question.id}
          className={isAnswered(model.draft, question) ? 'sh-mod-done' : ''}
        />
      ))}
    </span>
  );
}

function Form(props: Props & { quiz: Quiz }): React.JSX.Element {
  const { model, quiz } = props;
  const { trans } = model.classroom;
  const answered = answeredCount(model.draft, quiz.questions);
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        void model.submit();
      }}
    >
      {quiz.questions.map((question, index) => (
        <QuestionForm key={question.id} {...props} question={question} index={index} />
      ))}
      <footer className="sh-Quiz-footer">
        <Dots model={model} quiz={quiz} />
        <span className="sh-Quiet" role="status">
          {trans.__('%1 of %2 answered', answered, quiz.questions.length)}
        </span>
        <button
          type="submit"
          className="jp-Button jp-mod-styled jp-mod-accept sh-Button"
          data-testid="quiz-answer-button"
          disabled={!model.complete || model.submitting}
        >
          {model.submitting ? trans.__('Answering…') : trans.__('Answer')}
        </button>
      </footer>
    </form>
  );
}

/** An answer as it was given: an option's text is markdown, a learner's own text is not. */
function AnswerText(props: {
  question: QuizQuestion;
  option: string | null;
  text: string | null;
  rendermime: IRenderMimeRegistry;
}): React.JSX.Element {
  const option = props.question.options.find(other => other.id === props.option);
  return option ? (
    <Markdown text={option.text} rendermime={props.rendermime} />
  ) : (
    <span>{props.text}</span>
  );
}

function AnsweredQuestion(
  props: Props & { question: QuizQuestion; outcome: QuizQuestionResult | undefined }
): React.JSX.Element {
  const { question, outcome, rendermime } = props;
  const { trans } = props.model.classroom;
  const right = outcome?.is_correct === true;
  return (
    <div
      className="sh-Quiz-question sh-mod-answered"
      data-testid={`quiz-result-${question.id}`}
      data-correct={right}
    >
      <Markdown text={question.text} rendermime={rendermime} />
      {outcome && (
        <>
          <div className="sh-Quiz-outcome">
            <TestIcon
              status={right ? 'passed' : 'failed'}
              label={right ? trans.__('right') : trans.__('not right')}
            />
            <span className="sh-Quiz-label">{trans.__('Your answer:')}</span>
            <AnswerText
              question={question}
              option={outcome.your_answer}
              text={outcome.your_answer}
              rendermime={rendermime}
            />
          </div>
          {!right && (outcome.correct_option_id ?? outcome.accepted_answer) && (
            <div className="sh-Quiz-outcome sh-mod-correct">
              <span className="sh-Quiz-label">{trans.__('Right answer:')}</span>
              <AnswerText
                question={question}
                option={outcome.correct_option_id}
                text={outcome.accepted_answer}
                rendermime={rendermime}
              />
            </div>
          )}
          {outcome.explanation && (
            <div className="sh-Quiz-explanation">
              <Markdown text={outcome.explanation} rendermime={rendermime} />
            </div>
          )}
        </>
      )}
    </div>
  );
}

function Answered(props: Props & { quiz: Quiz; result: QuizResult }): React.JSX.Element {
  const { model, quiz, result } = props;
  const { trans, locale } = model.classroom;
  const outcomes = new Map(result.detailed_results.map(outcome => [outcome.question_id, outcome]));
  return (
    <>
      {quiz.questions.map(question => (
        <AnsweredQuestion
          key={question.id}
          {...props}
          question={question}
          outcome={outcomes.get(question.id)}
        />
      ))}
      <footer className="sh-Quiz-footer">
        <Headline
          testId="quiz-score"
          mood={result.passed ? 'passed' : 'failed'}
          text={trans.__(
            '%1 of %2 points · %3',
            formatPoints(result.score, locale),
            formatPoints(result.total_points, locale),
            result.passed
              ? trans.__('passed')
              : trans.__('pass at %1 %', formatPoints(quiz.pass_score, locale))
          )}
        />
        <button
          type="button"
          className="jp-Button jp-mod-styled sh-Button"
          data-testid="quiz-try-again"
          onClick={() => model.tryAgain()}
        >
          {trans.__('Try again')}
        </button>
      </footer>
    </>
  );
}

/** Gives the keyboard back to the card where what had it is gone: the button just pressed. */
function useKeptFocus(
  card: RefObject<HTMLElement | null>,
  shown: 'nothing' | 'questions' | 'result'
): void {
  const before = useRef(shown);
  useLayoutEffect(() => {
    const was = before.current;
    before.current = shown;
    if (was === 'nothing' || was === shown || document.activeElement !== document.body) {
      return;
    }
    const next = card.current?.querySelector<HTMLElement>(shown === 'result' ? 'h3' : 'input');
    next?.focus({ preventScroll: shown === 'result' });
  }, [card, shown]);
}

function CardView(props: Props): React.JSX.Element | null {
  const { model } = props;
  const { trans, locale } = model.classroom;
  const { quiz, result } = model;
  const card = useRef<HTMLElement>(null);
  useKeptFocus(card, !quiz ? 'nothing' : result ? 'result' : 'questions');
  const spoken = result
    ? trans.__(
        'Quiz answered: %1 of %2 points',
        formatPoints(result.score, locale),
        formatPoints(result.total_points, locale)
      )
    : '';
  const error =
    model.error === null ? null : (
      <Notice
        tone="failed"
        message={model.error}
        action={quiz ? undefined : { label: trans.__('Try again'), run: () => void model.load() }}
        testId="quiz-error"
      />
    );
  if (!quiz) {
    // The cell's own text stays readable above this notice.
    return error;
  }
  return (
    <section ref={card} aria-label={trans.__('Quiz: %1', quiz.title)}>
      <p className="sh-VisuallyHidden" role="status" aria-live="polite">
        {spoken}
      </p>
      <header className="sh-Quiz-header">
        <span className="sh-Kicker">{trans.__('Quiz')}</span>
        <h3 tabIndex={-1}>{quiz.title}</h3>
        {quiz.best_percent !== null && !result && (
          <span className="sh-Quiet">
            {trans.__('Best %1 %', formatPoints(Math.round(quiz.best_percent), locale))}
          </span>
        )}
      </header>
      {result ? (
        <Answered {...props} quiz={quiz} result={result} />
      ) : (
        <Form {...props} quiz={quiz} />
      )}
      {error}
    </section>
  );
}

let cards = 0;

/** A quiz drawn in a notebook, in place of its markdown. */
export class QuizCard extends VDomRenderer<QuizModel> {
  constructor(
    model: QuizModel,
    private readonly _rendermime: IRenderMimeRegistry
  ) {
    super(model);
    cards += 1;
    this._name = `studyhall-quiz-${cards}`;
    this.addClass('sh-Quiz');
    this.node.dataset.testid = `quiz-card-${model.id}`;
    // Letters and arrows belong to the answers here, not to the notebook's shortcuts.
    this.node.dataset.lmSuppressShortcuts = 'true';
    for (const name of ['dblclick', 'keydown']) {
      this.node.addEventListener(name, event => event.stopPropagation());
    }
  }

  protected override render(): React.JSX.Element {
    return <CardView model={this.model} rendermime={this._rendermime} name={this._name} />;
  }

  private readonly _name: string;
}
