import { useState } from 'react';
import { flushSync } from 'react-dom';

import {
  readAnswers,
  readPolicy,
  readQueue,
  type Gradable,
  type QueueItem,
  type QueueQuestion
} from '../api/grading';
import { useLast, useRemote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { countText, Moment, numberText } from '../components/figures';
import { Icon } from '../components/icons';
import { useKeys } from '../components/keys';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { useCourseTitle } from '../courses/course_tabs';
import type { Question } from '../navigation/addresses';
import { go, Link, useAddress } from '../navigation/router';
import { AnswerText } from '../grading/answer';
import { CellOutput } from '../grading/cell_output';
import { leftWithDraft } from '../grading/draft';
import { GradeForm } from '../grading/form';
import { UndoBar } from '../grading/undo';
import { kept, type Saved } from '../grading/use_grade';

import { gradedText } from './queue';
import { useClaim } from './use_claim';

const EVERY_MS = 8_000;

/** A test's id is its notebook's name and its cell's grade id. */
function placeOf(test: string): { notebook: string; cell: string } {
  const at = test.lastIndexOf('/');
  return { notebook: test.slice(0, at), cell: test.slice(at + 1) };
}

const nameOf = (item: QueueItem): string => item.learner?.display_name ?? item.label;

function ItemLink(props: {
  item: QueueItem;
  isHere: boolean;
  open: () => void;
}): React.JSX.Element {
  const { item, isHere } = props;
  const other = item.claim !== null && !item.claim.mine ? item.claim.by : null;
  return (
    <li>
      <button
        type="button"
        aria-current={isHere ? 'true' : undefined}
        data-testid={`answer-${nameOf(item)}`}
        onClick={props.open}
      >
        <span className="answer-name">{nameOf(item)}</span>
        {other !== null && (
          <span className="mark waiting small">
            <Icon shape="lock" />
            <span>{other}</span>
          </span>
        )}
        <span className="number quiet">
          {item.manual_score === null ? '' : numberText(item.manual_score)}
        </span>
      </button>
    </li>
  );
}

function Switches(props: {
  course: string;
  question: Question;
  isAnonymous: boolean;
}): React.JSX.Element {
  const { course, question, isAnonymous } = props;
  const change = (part: Partial<Question>): void =>
    go(
      { page: 'question', course, question: { ...question, page: 1, ...part }, attempt: '' },
      'replace'
    );
  return (
    <div className="filters">
      <label className="check">
        <input
          type="checkbox"
          checked={isAnonymous}
          data-testid="question-anonymous"
          onChange={event => change({ anonymous: event.target.checked })}
        />
        <span>Hide names</span>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={question.includeGraded}
          data-testid="question-graded"
          onChange={event => change({ includeGraded: event.target.checked })}
        />
        <span>Graded ones too</span>
      </label>
    </div>
  );
}

function ItemView(props: {
  course: string;
  question: Question;
  item: QueueItem;
  title: string;
  startsInScore: boolean;
  refresh: () => void;
  saved: (saved: Saved, goesOn: boolean) => void;
  pass: (() => void) | null;
}): React.JSX.Element {
  const { course, question, item } = props;
  const cell: Gradable = {
    ...item,
    test_id: question.test,
    title: props.title,
    kind: 'manual',
    auto_score: null
  };
  const refused = useClaim(item.attempt_id, question.test);
  return (
    <>
      <div className="question-answer">
        <div className="section-head">
          <h2 data-testid="answer-of">{nameOf(item)}</h2>
          {item.learner !== null && (
            <Link
              className="small"
              to={{ page: 'grading', course, attempt: item.attempt_id, test: cell.test_id }}
            >
              Whole attempt
            </Link>
          )}
        </div>
        <AnswerText answer={item.answer} />
        {item.answer?.cell_type === 'code' && (
          <CellOutput attempt={item.attempt_id} {...placeOf(question.test)} />
        )}
        <p className="quiet small">
          {item.auto_max > 0 &&
            `The tests of this attempt gave ${numberText(item.auto_score)} of ${numberText(item.auto_max)} points. `}
          Submitted <Moment at={item.submitted_at} />
          {item.late && ', late'}.
        </p>
      </div>
      <div className="question-form">
        {refused !== null ? (
          <div className="notice waiting" role="alert" data-testid="claim-refused">
            <p>{refused.message}</p>
            {props.pass !== null && (
              <button type="button" className="button" onClick={props.pass}>
                Take the next one
              </button>
            )}
          </div>
        ) : (
          <GradeForm
            key={`${item.attempt_id} ${cell.test_id}`}
            attempt={item.attempt_id}
            cell={cell}
            place={{ course, lesson: question.lesson, test: cell.test_id }}
            refresh={props.refresh}
            saved={props.saved}
            startsInScore={props.startsInScore}
          />
        )}
      </div>
    </>
  );
}

/** How far all graders together are with a question. */
function Progress(props: { question: QueueQuestion }): React.JSX.Element {
  const { waiting, graded } = props.question;
  return (
    <div className="answers-progress">
      <p className="small">
        <strong data-testid="answers-graded">{gradedText(props.question)}</strong>{' '}
        {waiting > 0 && (
          <span className="quiet" data-testid="answers-waiting">
            {countText(waiting, 'waits', 'wait')}
          </span>
        )}
      </p>
      <progress
        className="thin"
        value={graded}
        max={Math.max(1, waiting + graded)}
        aria-label={gradedText(props.question)}
      />
    </div>
  );
}

/** Where a page of answers opens. */
type Entry = 'waiting' | 'first' | 'last';

function enteredAt(items: QueueItem[], entry: Entry): QueueItem | undefined {
  if (entry === 'waiting') {
    return items.find(item => item.needs_grading) ?? items[0];
  }
  return entry === 'first' ? items[0] : items.at(-1);
}

/** One question, all learners, answers only. */
export function QuestionPage(props: {
  course: string;
  question: Question;
  attempt: string;
}): React.JSX.Element {
  const { course, question } = props;
  const { lesson, test, anonymous, includeGraded, page } = question;
  const announce = useAnnounce();
  const courseTitle = useCourseTitle(course);
  const queue = useRemote(
    `queue ${course}`,
    signal => readQueue(course, signal),
    () => EVERY_MS
  );
  const about = queue.data?.find(known => known.test_id === test && known.lesson === lesson);
  const policy = useRemote(`policy ${course} ${lesson}`, signal =>
    readPolicy(course, lesson, signal)
  );
  // Until somebody chooses, the assignment's own rule says whether names are hidden.
  const isAnonymous = anonymous ?? policy.data?.anonymous ?? null;
  const query = { test_id: test, include_graded: includeGraded, anonymous: isAnonymous, page };
  const key = `answers ${course} ${lesson} ${JSON.stringify(query)}`;
  const answers = useRemote(
    isAnonymous === null ? null : key,
    signal => readAnswers(course, lesson, query, signal),
    () => EVERY_MS
  );
  const list = useLast(answers.data, key);
  const items = list?.items ?? [];
  // An answer whose grade was taken back comes again with the next list; nobody else's is shown meanwhile.
  const [returning, setReturning] = useState<{ attempt: string; before: unknown } | null>(null);
  const isReturning = returning?.attempt === props.attempt && returning.before === answers.data;
  const [enters, setEnters] = useState<Entry>('waiting');
  // Graded meanwhile, as in another tab: it left this list with what was typed for it, and is among the graded ones.
  const hasLeft =
    list !== null &&
    !includeGraded &&
    !isReturning &&
    leftWithDraft(items, props.attempt, kept(props.attempt, test));
  const item =
    isReturning || hasLeft
      ? undefined
      : (items.find(known => known.attempt_id === props.attempt) ?? enteredAt(items, enters));
  const [saved, setSaved] = useState<{ saved: Saved; whose: string; page: number } | null>(null);
  const [inScore, setInScore] = useState(false);

  const open = (attempt: string): void =>
    go({ page: 'question', course, question, attempt }, 'replace');
  const pages = list === null ? 1 : Math.max(1, Math.ceil(list.total / Math.max(1, list.limit)));
  const turn = (to: number, entry: Entry): void => {
    setEnters(entry);
    go({ page: 'question', course, question: { ...question, page: to }, attempt: '' }, 'replace');
  };
  const at = item === undefined ? -1 : items.indexOf(item);
  const move = (by: 1 | -1): void => {
    const beside = items[at + by];
    if (beside) {
      setInScore(false);
      open(beside.attempt_id);
    } else if (at >= 0 && page + by >= 1 && page + by <= pages) {
      setInScore(false);
      turn(page + by, by === 1 ? 'first' : 'last');
    }
  };
  // Others have graded so much meanwhile that there is no such page any more.
  const isBeyond = list !== null && items.length === 0 && list.total > 0 && page > pages;
  useAddress(
    isBeyond
      ? { page: 'question', course, question: { ...question, page: pages }, attempt: '' }
      : null
  );
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    u: () => go({ page: 'queue', course })
  });
  // The address names the answer, so that a reload comes back to it.
  useAddress(item ? { page: 'question', course, question, attempt: item.attempt_id } : null);
  useAddress(
    hasLeft
      ? {
          page: 'question',
          course,
          question: { ...question, includeGraded: true },
          attempt: props.attempt
        }
      : null
  );

  const afterSave = (what: Saved, goesOn: boolean): void => {
    if (item === undefined) {
      return;
    }
    setSaved({ saved: what, whose: nameOf(item), page });
    if (goesOn) {
      setInScore(document.activeElement instanceof HTMLInputElement);
    }
    const waits = (known: QueueItem): boolean =>
      known.attempt_id !== item.attempt_id &&
      known.needs_grading &&
      (known.claim === null || known.claim.mine);
    const following = [...items.slice(at + 1), ...items.slice(0, at)].find(waits);
    const onOtherPages = (about?.waiting ?? 0) - items.filter(known => known.needs_grading).length;
    if (!goesOn) {
      announce('Saved.');
    } else if (following !== undefined) {
      announce(`Saved. Next: ${nameOf(following)}.`);
      open(following.attempt_id);
    } else if (pages > 1 && onOtherPages > 0) {
      announce('Saved. Next page.');
      turn(page < pages ? page + 1 : 1, 'waiting');
    } else {
      announce('Saved. That was the last one.');
    }
    answers.reload();
    queue.reload();
  };

  const title = about?.question ?? 'Question';
  return (
    <Page
      title={title}
      about={`${course} ${lesson} ${test}`}
      crumbs={[
        { title: 'Your courses', to: { page: 'home' } },
        { title: courseTitle, to: { page: 'assignments', course } },
        { title: 'Grading', to: { page: 'queue', course } }
      ]}
      aside={<Switches course={course} question={question} isAnonymous={isAnonymous ?? false} />}
      testId="question-page"
      className="full"
    >
      {saved && (
        <UndoBar
          key={`${saved.saved.attempt} ${saved.saved.version}`}
          saved={saved.saved}
          whose={saved.whose}
          undone={what => {
            setSaved(null);
            setInScore(false);
            // Known before the address changes, or the address would be corrected to another answer at once.
            // And the list is asked for in the same breath, so that no older one comes in between.
            flushSync(() => {
              setReturning({ attempt: what.attempt, before: answers.data });
              answers.reload();
              queue.reload();
            });
            const place = { ...question, page: saved.page };
            go({ page: 'question', course, question: place, attempt: what.attempt }, 'replace');
          }}
        />
      )}
      {policy.problem && <Failure problem={policy.problem} retry={policy.reload} />}
      {answers.problem && <Failure problem={answers.problem} retry={answers.reload} />}
      {list === null && answers.problem === null && policy.problem === null && (
        <Skeleton rows={8} />
      )}
      {list !== null && items.length === 0 && includeGraded && !isBeyond && !isReturning && (
        <Empty title="No answers yet">
          <p>
            An answer is here as soon as a learner has submitted it.{' '}
            <Link to={{ page: 'queue', course }}>Back to the other questions</Link>.
          </p>
        </Empty>
      )}
      {list !== null &&
        items.length === 0 &&
        !includeGraded &&
        !isBeyond &&
        !isReturning &&
        !hasLeft && (
          <Empty title="Nothing waits here">
            <p>
              Every answer to this question is graded
              {about?.waiting === 0 && `: ${gradedText(about)}`}.{' '}
              <Link to={{ page: 'queue', course }}>Back to the other questions</Link>, or{' '}
              <Link
                to={{
                  page: 'question',
                  course,
                  question: { ...question, includeGraded: true, page: 1 },
                  attempt: ''
                }}
              >
                look at the graded ones
              </Link>
              .
            </p>
          </Empty>
        )}
      {item !== undefined && (
        <>
          <div className="question">
            <nav className="answers" aria-label="Answers">
              {about !== undefined && <Progress question={about} />}
              <ol>
                {items.map(known => (
                  <ItemLink
                    key={known.attempt_id}
                    item={known}
                    isHere={known === item}
                    open={() => open(known.attempt_id)}
                  />
                ))}
              </ol>
              {list !== null && pages > 1 && (
                <Pager
                  page={page}
                  limit={list.limit}
                  total={list.total}
                  to={to => ({
                    page: 'question',
                    course,
                    question: { ...question, page: to },
                    attempt: ''
                  })}
                />
              )}
            </nav>
            <ItemView
              course={course}
              question={question}
              item={item}
              title={title}
              startsInScore={inScore}
              refresh={() => {
                answers.reload();
                queue.reload();
              }}
              saved={afterSave}
              pass={items[at + 1] || page < pages ? () => move(1) : null}
            />
          </div>
          <p className="quiet small keys">
            <kbd>J</kbd> <kbd>K</kbd> next and previous answer, <kbd>1</kbd>–<kbd>9</kbd> rubric,{' '}
            <kbd>S</kbd> points, <kbd>C</kbd> comment, <kbd>Ctrl</kbd>+<kbd>Enter</kbd> saves and
            goes on, <kbd>Z</kbd> undoes, <kbd>Esc</kbd> leaves a field
          </p>
        </>
      )}
    </Page>
  );
}
