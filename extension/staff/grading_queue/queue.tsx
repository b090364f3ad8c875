import { readQueue, type QueueQuestion } from '../api/grading';
import { useRemote } from '../api/remote';
import { countText, numberText } from '../components/figures';
import { Icon } from '../components/icons';
import { Empty, Loaded } from '../components/notices';
import { Page } from '../components/page';
import { CourseTabs, useCourseTitle } from '../courses/course_tabs';
import { Link } from '../navigation/router';

const EVERY_MS = 10_000;

/** "12 of 80 graded". */
export const gradedText = (question: Pick<QueueQuestion, 'waiting' | 'graded'>): string =>
  `${numberText(question.graded)} of ${numberText(question.waiting + question.graded)} graded`;

function QuestionRow(props: { course: string; question: QueueQuestion }): React.JSX.Element {
  const { course, question } = props;
  const all = question.waiting + question.graded;
  return (
    <tr data-testid={`question-${question.test_id}`}>
      <td className="quiet">{question.title}</td>
      <th scope="row">
        <Link
          className="row-link"
          to={{
            page: 'question',
            course,
            attempt: '',
            question: {
              lesson: question.lesson,
              test: question.test_id,
              anonymous: null,
              includeGraded: question.waiting === 0,
              page: 1
            }
          }}
        >
          {question.question}
        </Link>
      </th>
      <td className="number">{numberText(question.max_points)}</td>
      <td className="number">
        {all === 0 ? (
          <span className="quiet">no answers yet</span>
        ) : question.waiting === 0 ? (
          <span className="mark passed">
            <Icon shape="check" />
            <span>all graded</span>
          </span>
        ) : (
          <strong>{numberText(question.waiting)}</strong>
        )}
      </td>
      <td className="number">{numberText(question.graded)}</td>
      <td className="number">{question.claimed === 0 ? '–' : numberText(question.claimed)}</td>
      <td className="wide">
        <progress
          className="thin"
          value={question.graded}
          max={Math.max(1, all)}
          aria-label={`${question.question}: ${gradedText(question)}`}
        />
        <span className="quiet small">{gradedText(question)}</span>
      </td>
    </tr>
  );
}

/** What waits to be graded by hand, question by question. */
export function QueuePage(props: { course: string }): React.JSX.Element {
  const { course } = props;
  const title = useCourseTitle(course);
  const queue = useRemote(
    `queue ${course}`,
    signal => readQueue(course, signal),
    () => EVERY_MS
  );
  const waiting = queue.data?.reduce((sum, question) => sum + question.waiting, 0) ?? 0;
  return (
    <Page
      title={title}
      about={course}
      crumbs={[{ title: 'Your courses', to: { page: 'home' } }]}
      testId="queue-page"
    >
      <CourseTabs course={course} current="queue" />
      <Loaded of={queue}>
        {questions =>
          questions.length === 0 ? (
            <Empty title="No question is graded by hand">
              <p>
                A cell that is both an answer and graded waits here for a person as soon as a
                learner submits it. See <em>graded by hand</em> in the authors’ guide.
              </p>
            </Empty>
          ) : (
            <>
              <p className="quiet" data-testid="queue-waiting">
                {waiting === 0
                  ? 'Nothing waits right now. Open a question to look at what was given.'
                  : `${countText(waiting, 'answer waits', 'answers wait')} to be graded.`}
              </p>
              <div className="scroll" role="region" aria-label="Questions" tabIndex={0}>
                <table className="rows" data-testid="queue-table">
                  <caption className="unseen">Questions graded by hand</caption>
                  <thead>
                    <tr>
                      <th scope="col">Assignment</th>
                      <th scope="col">Question</th>
                      <th scope="col" className="number">
                        Points
                      </th>
                      <th scope="col" className="number">
                        To grade
                      </th>
                      <th scope="col" className="number">
                        Graded
                      </th>
                      <th scope="col" className="number">
                        Being graded
                      </th>
                      <th scope="col">Progress</th>
                    </tr>
                  </thead>
                  <tbody>
                    {questions.map(question => (
                      <QuestionRow key={question.test_id} course={course} question={question} />
                    ))}
                  </tbody>
                </table>
              </div>
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
