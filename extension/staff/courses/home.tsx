import { useRemote } from '../api/remote';
import { readCourses, type StaffCourse } from '../api/staff';
import { countText } from '../components/figures';
import { Icon, type Shape } from '../components/icons';
import { Empty, Loaded } from '../components/notices';
import { Page } from '../components/page';
import {
  DEAD_LETTERS,
  may,
  mayAdministrate,
  READ_GRADES,
  READ_JOINS,
  useSession
} from '../frame/session';
import { NO_FILTER, WHOLE_GRADEBOOK } from '../navigation/addresses';
import { Link } from '../navigation/router';

import { readNeeds, type Need, type NeedKind } from './needs';

const LOOK: Record<NeedKind, { shape: Shape; tone: string; say: (count: number) => string }> = {
  dead_letters: {
    shape: 'warning',
    tone: 'failed',
    say: count => `${countText(count, 'job was', 'jobs were')} given up on and can be queued again`
  },
  joins: {
    shape: 'person',
    tone: 'waiting',
    say: count => `${countText(count, 'person waits', 'people wait')} to join the cohort`
  },
  failed: {
    shape: 'warning',
    tone: 'failed',
    say: count => `${countText(count, 'attempt', 'attempts')} could not be graded`
  },
  answers: {
    shape: 'person',
    tone: 'waiting',
    say: count => `${countText(count, 'answer waits', 'answers wait')} to be graded by hand`
  },
  manual: {
    shape: 'person',
    tone: 'waiting',
    say: count => `${countText(count, 'attempt waits', 'attempts wait')} to be graded by hand`
  },
  flagged: {
    shape: 'flag',
    tone: 'waiting',
    say: count =>
      `${countText(count, 'attempt of the last 7 days has', 'attempts of the last 7 days have')} integrity flags`
  },
  in_flight: {
    shape: 'clock',
    tone: 'quiet',
    say: count => `${countText(count, 'attempt is', 'attempts are')} being graded or next in line`
  }
};

const EVERY_MS = 20_000;

function NeedRow(props: { need: Need }): React.JSX.Element {
  const { kind, count, course, to } = props.need;
  const look = LOOK[kind];
  return (
    <li>
      <Link to={to} className="need" testId={`need-${kind}`}>
        <span className={look.tone}>
          <Icon shape={look.shape} />
        </span>
        <span className="need-words">{look.say(count)}</span>
        {course !== null && <span className="quiet">{course}</span>}
        <Icon shape="chevron" className="turns" />
      </Link>
    </li>
  );
}

function Needs(props: { courses: StaffCourse[] }): React.JSX.Element {
  const profile = useSession();
  const permissions = {
    deadLetters: may(profile, DEAD_LETTERS),
    grades: may(profile, READ_GRADES),
    joins: mayAdministrate(profile, READ_JOINS)
  };
  const needs = useRemote(
    `needs ${props.courses.map(course => course.slug).join(' ')}`,
    signal => readNeeds(props.courses, permissions, signal),
    () => EVERY_MS
  );
  return (
    <section aria-labelledby="needs">
      <h2 id="needs">What needs you</h2>
      <Loaded of={needs} rows={2}>
        {list =>
          list.length === 0 ? (
            <p className="calm passed" data-testid="needs">
              <Icon shape="check" />
              <span>Nothing needs you right now.</span>
            </p>
          ) : (
            <ul className="needs" data-testid="needs">
              {list.map(need => (
                <NeedRow key={`${need.kind} ${need.course ?? ''}`} need={need} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}

function CourseCard(props: { course: StaffCourse }): React.JSX.Element {
  const profile = useSession();
  const { slug, title, role, release, learners, lessons } = props.course;
  return (
    <li className="card" data-testid={`staff-course-${slug}`}>
      <h3>
        <Link to={{ page: 'assignments', course: slug }}>{title}</Link>
      </h3>
      <p className="quiet">
        {countText(learners, 'learner', 'learners')} · {countText(lessons, 'lesson', 'lessons')} ·
        release {release} · you are {role === 'instructor' ? 'an instructor' : `a ${role}`}
      </p>
      <p className="card-links">
        <Link to={{ page: 'assignments', course: slug }}>Assignments</Link>
        {may(profile, READ_GRADES) && (
          <>
            <Link to={{ page: 'gradebook', course: slug, filter: WHOLE_GRADEBOOK }}>Gradebook</Link>
            <Link to={{ page: 'queue', course: slug }}>Grading</Link>
          </>
        )}
        <Link to={{ page: 'attempts', course: slug, filter: NO_FILTER }}>Attempts</Link>
      </p>
    </li>
  );
}

/** The first page: the person's courses, and what needs somebody today. */
export function Home(): React.JSX.Element {
  const courses = useRemote('courses', readCourses);
  return (
    <Page title="Your courses" testId="staff-home">
      <Loaded of={courses}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="You have no courses yet">
              <p>
                Publish a course folder with <code>studyhall publish</code>, or ask an instructor to
                add you to theirs.
              </p>
            </Empty>
          ) : (
            // Side by side, or what needs somebody at the end: it comes later and never pushes the courses away.
            <div className="home">
              <section aria-labelledby="courses">
                <h2 id="courses">Courses</h2>
                <ul className="cards">
                  {items.map(course => (
                    <CourseCard key={course.slug} course={course} />
                  ))}
                </ul>
              </section>
              <Needs courses={items} />
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
