import { useRemote } from '../api/remote';
import { readCourses } from '../api/staff';
import { AUDIT, may, PLATFORMS, READ_GRADES, useSession } from '../frame/session';
import { NO_FILTER, WHOLE_GRADEBOOK, type Place } from '../navigation/addresses';
import { Link } from '../navigation/router';

export type CourseTab = 'gradebook' | 'queue' | 'assignments' | 'attempts' | 'audit' | 'platforms';

/** A course's own pages, as far as the person may see them. */
export function CourseTabs(props: { course: string; current: CourseTab }): React.JSX.Element {
  const { course, current } = props;
  const profile = useSession();
  const tabs: { tab: CourseTab; words: string; to: Place; permission?: string }[] = [
    { tab: 'assignments', words: 'Assignments', to: { page: 'assignments', course } },
    {
      tab: 'gradebook',
      words: 'Gradebook',
      to: { page: 'gradebook', course, filter: WHOLE_GRADEBOOK },
      permission: READ_GRADES
    },
    {
      tab: 'queue',
      words: 'Grading',
      to: { page: 'queue', course },
      permission: READ_GRADES
    },
    { tab: 'attempts', words: 'Attempts', to: { page: 'attempts', course, filter: NO_FILTER } },
    {
      tab: 'audit',
      words: 'Audit log',
      to: { page: 'audit', course, filter: { action: '', actor: '', page: 1 } },
      permission: AUDIT
    },
    {
      tab: 'platforms',
      words: 'Learning platforms',
      to: { page: 'platforms', course },
      permission: PLATFORMS
    }
  ];
  return (
    <nav className="tabs" aria-label="Course">
      {tabs
        .filter(({ permission }) => permission === undefined || may(profile, permission))
        .map(({ tab, words, to }) => (
          <Link
            key={tab}
            to={to}
            current={current === tab ? 'page' : undefined}
            testId={`tab-${tab}`}
          >
            {words}
          </Link>
        ))}
    </nav>
  );
}

/** The title of one of the person's courses; its slug until it is known. */
export function useCourseTitle(slug: string): string {
  const courses = useRemote('courses', readCourses);
  return courses.data?.items.find(course => course.slug === slug)?.title ?? slug;
}
