import type { GradebookAssignment } from '../api/grading';
import { Icon } from '../components/icons';
import { Menu, type MenuItem } from '../components/menu';
import { may, POLICIES, RELEASE_GRADES, START_REGRADES, useSession } from '../frame/session';

export type ColumnAction =
  'policy' | 'extensions' | 'release' | 'take_back' | 'grade' | 'regrade' | 'attempts';

/** What can be done with one assignment, as far as the person may. */
export function ColumnMenu(props: {
  assignment: GradebookAssignment;
  act: (action: ColumnAction) => void;
}): React.JSX.Element {
  const { assignment, act } = props;
  const profile = useSession();
  const item = (action: ColumnAction, words: string): MenuItem => ({
    words,
    act: () => act(action),
    testId: `column-${action}`
  });
  const items: MenuItem[] = [
    ...(assignment.manual_tests > 0 ? [item('grade', 'Grade the answers')] : []),
    item('attempts', 'Show attempts'),
    ...(may(profile, RELEASE_GRADES)
      ? [
          assignment.grades_released_at === null
            ? item('release', 'Release grades…')
            : item('take_back', 'Take grades back…')
        ]
      : []),
    ...(may(profile, POLICIES)
      ? [item('policy', 'Due date and late policy…'), item('extensions', 'Extensions…')]
      : []),
    ...(may(profile, START_REGRADES) ? [item('regrade', 'Regrade')] : [])
  ];
  return (
    <Menu
      label={`What to do with ${assignment.title}`}
      items={items}
      className="column-menu"
      testId={`column-menu-${assignment.lesson}`}
    >
      <Icon shape="more" />
    </Menu>
  );
}
