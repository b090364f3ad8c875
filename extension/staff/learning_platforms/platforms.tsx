import { useRemote } from '../api/remote';
import { readPlatforms, synchronize, type PlatformCourse } from '../api/staff';
import { useAnnounce } from '../components/announcer';
import { countText, Moment } from '../components/figures';
import { Empty, Failure, Loaded } from '../components/notices';
import { Page } from '../components/page';
import { useAction } from '../components/use_action';
import { CourseTabs, useCourseTitle } from '../courses/course_tabs';
import { may, SYNCHRONIZE_PLATFORMS, useSession } from '../frame/session';

import { outcomeWords } from './words';

const SOON_MS = 2_000;
const LATER_MS = 30_000;

const isWaiting = (place: PlatformCourse): boolean => place.state === 'waiting';

function Problems(props: { place: PlatformCourse }): React.JSX.Element | null {
  const outcome = props.place.outcome;
  if (outcome === null || outcome.problems.length === 0) {
    return null;
  }
  return (
    <div className="scroll" role="region" aria-label="People left out" tabIndex={0}>
      <table data-testid="platform-problems">
        <caption className="unseen">Who could not be taken over, and why</caption>
        <thead>
          <tr>
            <th scope="col">Left out</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {outcome.problems.map((problem, index) => (
            <tr key={index}>
              <th scope="row">{problem.name}</th>
              <td>{problem.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {outcome.more_problems > 0 && (
        <p className="quiet">And {countText(outcome.more_problems, 'other', 'others')}.</p>
      )}
    </div>
  );
}

/** How it stands with a roster, in one sentence. */
function State(props: { place: PlatformCourse }): React.JSX.Element {
  const { place } = props;
  const { state, read_at: readAt, asked_by: by, asked_at: askedAt } = place;
  return (
    <>
      {state === 'waiting' && <p role="status">The roster is being read…</p>}
      {state === 'never' && (
        <p>
          Its roster was not taken over yet. People come in by opening a link of the platform; the
          roster brings them before that.
        </p>
      )}
      {state === 'failed' && (
        <div className="notice failed" role="alert" data-testid="platform-trouble">
          <p>
            The roster could not be taken over
            {askedAt !== null && (
              <>
                {' '}
                <Moment at={askedAt} />
              </>
            )}
            . {place.trouble}
          </p>
        </div>
      )}
      {place.outcome !== null && readAt !== null && (
        <p data-testid="platform-outcome">
          {outcomeWords(place.outcome)}{' '}
          <span className="quiet">
            <Moment at={readAt} />
            {state === 'done' && by !== null && `, asked for by ${by}`}
          </span>
        </p>
      )}
    </>
  );
}

function PlatformSection(props: {
  course: string;
  place: PlatformCourse;
  mayAsk: boolean;
  changed: () => void;
}): React.JSX.Element {
  const { course, place, mayAsk } = props;
  const action = useAction();
  const announce = useAnnounce();
  const ask = (): void => {
    void action.run(async () => {
      await synchronize(course, place.id);
      announce('The roster is being read.');
      props.changed();
    });
  };
  return (
    <section className="platform" aria-labelledby={`platform-${place.id}`} data-testid="platform">
      <div className="section-head">
        <h2 id={`platform-${place.id}`}>
          {place.title} <span className="quiet small">{place.platform}</span>
        </h2>
        {mayAsk && (
          <button
            type="button"
            className="button"
            disabled={!place.shows_roster || isWaiting(place) || action.isBusy}
            data-testid="synchronize"
            onClick={ask}
          >
            Synchronise now
          </button>
        )}
      </div>
      <p className="quiet">{countText(place.people, 'person', 'people')} of it are known here.</p>
      {place.shows_roster ? (
        <State place={place} />
      ) : (
        <p>
          The learning platform shows no roster of it. Allow its tool there to see names and roles,
          and open the activity once.
        </p>
      )}
      {action.problem && <Failure problem={action.problem} retry={ask} />}
      <Problems place={place} />
    </section>
  );
}

/** Courses of learning platforms that belong to a course: whether their people are here, and who is not, and why. */
export function PlatformsPage(props: { course: string }): React.JSX.Element {
  const { course } = props;
  const title = useCourseTitle(course);
  const profile = useSession();
  const places = useRemote(
    `platforms ${course}`,
    signal => readPlatforms(course, signal),
    list => (list?.items.some(isWaiting) ? SOON_MS : LATER_MS)
  );
  return (
    <Page
      title={title}
      about={course}
      crumbs={[{ title: 'Your courses', to: { page: 'home' } }]}
      testId="platforms-page"
    >
      <CourseTabs course={course} current="platforms" />
      <Loaded of={places}>
        {list =>
          list.items.length === 0 ? (
            <Empty title="No learning platform belongs to this course">
              <p>
                Moodle, Canvas and others are connected by the people who run this Studyhall. After
                that, open an activity of it once as its instructor.
              </p>
            </Empty>
          ) : (
            <>
              {list.items.map(place => (
                <PlatformSection
                  key={place.id}
                  course={course}
                  place={place}
                  mayAsk={may(profile, SYNCHRONIZE_PLATFORMS)}
                  changed={places.reload}
                />
              ))}
              <p className="quiet small">
                Who is on the platform’s roster gets their part in this course, and follows it when
                their role changes there. Nobody leaves this course by missing there; they only get
                no grades there any more.
              </p>
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
