import { useRemote } from '../api/remote';
import { readAssignments, type StaffAssignment } from '../api/staff';
import { Moment, numberText, percentText } from '../components/figures';
import { Empty, Loaded } from '../components/notices';
import { Page } from '../components/page';
import { NO_FILTER } from '../navigation/addresses';
import { Link } from '../navigation/router';

import { CourseTabs, useCourseTitle } from './course_tabs';
import { sharesOf } from './shares';

const SHOWN = ['passed', 'submitted', 'started', 'none'] as const;

const SHARE_WORDS = {
  passed: 'passed',
  submitted: 'submitted, not passed',
  started: 'started, not submitted',
  none: 'not started'
};

/** A thin bar of how far the learners got; the numbers beside it say the same to a screen reader. */
function ShareBar(props: { assignment: StaffAssignment }): React.JSX.Element {
  const shares = sharesOf(props.assignment);
  return (
    <div className="shares" aria-hidden="true">
      {SHOWN.map(
        kind =>
          shares[kind] > 0 && (
            <div
              key={kind}
              className={`share-${kind}`}
              style={{ flexGrow: shares[kind] }}
              title={`${numberText(shares[kind])} ${SHARE_WORDS[kind]}`}
            />
          )
      )}
    </div>
  );
}

function Row(props: { course: string; assignment: StaffAssignment }): React.JSX.Element {
  const { course, assignment } = props;
  return (
    <tr data-testid={`assignment-row-${assignment.lesson}`}>
      <td className="quiet">{assignment.unit}</td>
      <th scope="row">
        <Link
          to={{
            page: 'attempts',
            course,
            filter: { ...NO_FILTER, lesson: assignment.lesson }
          }}
        >
          {assignment.title}
        </Link>
      </th>
      <td className="number">{numberText(assignment.points)}</td>
      <td>
        {assignment.due_at === null ? (
          <span className="quiet still">no date</span>
        ) : (
          <Moment at={assignment.due_at} />
        )}
        {assignment.closes_at !== null && (
          <span className="quiet small">
            {' '}
            {new Date(assignment.closes_at) <= new Date() ? 'closed' : 'closes'}{' '}
            <Moment at={assignment.closes_at} />
          </span>
        )}
      </td>
      <td className="wide">
        <ShareBar assignment={assignment} />
      </td>
      <td className="number">{numberText(assignment.started)}</td>
      <td className="number">{numberText(assignment.submitted)}</td>
      <td className="number">{numberText(assignment.passed)}</td>
      <td className="number">{numberText(assignment.learners)}</td>
      <td className="number">{percentText(assignment.mean_percent)}</td>
      <td>
        <Link
          to={{ page: 'regrades', course, lesson: assignment.lesson, number: 1 }}
          testId={`regrades-${assignment.lesson}`}
        >
          Regrade<span className="unseen"> {assignment.title}</span>
        </Link>
      </td>
    </tr>
  );
}

/** A course's lessons with graded cells, and how far the learners are. */
export function Assignments(props: { course: string }): React.JSX.Element {
  const { course } = props;
  const title = useCourseTitle(course);
  const assignments = useRemote(`assignments ${course}`, signal => readAssignments(course, signal));
  return (
    <Page
      title={title}
      about={course}
      crumbs={[{ title: 'Your courses', to: { page: 'home' } }]}
      testId="assignments-page"
    >
      <CourseTabs course={course} current="assignments" />
      <Loaded of={assignments}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="This course has no assignments yet">
              <p>
                A lesson becomes an assignment when one of its notebooks has a graded cell. Add one
                and publish the course again with <code>studyhall publish</code>.
              </p>
            </Empty>
          ) : (
            <div className="scroll" role="region" aria-label="Assignments" tabIndex={0}>
              <table data-testid="assignments-table">
                <caption className="unseen">Assignments of {title}</caption>
                <thead>
                  <tr>
                    <th scope="col">Unit</th>
                    <th scope="col">Assignment</th>
                    <th scope="col" className="number">
                      Points
                    </th>
                    <th scope="col">Due</th>
                    <th scope="col">Progress</th>
                    <th scope="col" className="number">
                      <span className="key share-started" />
                      Started
                    </th>
                    <th scope="col" className="number">
                      <span className="key share-submitted" />
                      Submitted
                    </th>
                    <th scope="col" className="number">
                      <span className="key share-passed" />
                      Passed
                    </th>
                    <th scope="col" className="number">
                      Learners
                    </th>
                    <th scope="col" className="number">
                      Mean
                    </th>
                    <th scope="col">
                      <span className="unseen">Regrade</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(assignment => (
                    <Row key={assignment.lesson} course={course} assignment={assignment} />
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
