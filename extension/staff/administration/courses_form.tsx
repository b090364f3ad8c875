import { useState } from 'react';

import { changeCourseRole, leaveCourse, type CohortPage, type Member } from '../api/administration';
import { useAnnounce } from '../components/announcer';
import { Failure } from '../components/notices';
import { useAction } from '../components/use_action';

import { COURSE_ROLES } from './addresses';
import { COURSE_ROLE_WORDS, roleWords } from './words';

/** A member's parts in courses: another role takes effect at once, and each change can be taken back here. */
export function CoursesForm(props: {
  member: Member;
  courses: CohortPage['courses'];
  mayChange: boolean;
  isSelf: boolean;
  changed: () => void;
}): React.JSX.Element {
  const { member, mayChange } = props;
  const action = useAction();
  const announce = useAnnounce();
  const [last, setLast] = useState<{ words: string; undo: () => Promise<void> } | null>(null);
  const [course, setCourse] = useState('');
  const [role, setRole] = useState<string>('learner');
  const others = props.courses.filter(offered =>
    member.courses.every(part => part.course !== offered.course)
  );

  const put = async (slug: string, wanted: string | null): Promise<void> => {
    if (wanted === null) {
      await leaveCourse(member.username, slug);
    } else {
      await changeCourseRole(member.username, slug, wanted);
    }
    props.changed();
  };
  const change = (
    slug: string,
    title: string,
    before: string | null,
    after: string | null
  ): void => {
    const words =
      after === null
        ? `${member.display_name} is no longer in ${title}. What they did there stays.`
        : `${member.display_name} is ${roleWords(after).toLowerCase()} of ${title} now.`;
    void action.run(async () => {
      await put(slug, after);
      setLast({ words, undo: () => put(slug, before) });
      announce(words);
    });
  };
  const undo = (): void => {
    void action.run(async () => {
      await last?.undo();
      setLast(null);
      announce('Undone.');
    });
  };
  return (
    <div className="form" data-testid="courses-form">
      {member.courses.length === 0 ? (
        <p className="quiet">In no course yet.</p>
      ) : (
        <div className="scroll" role="region" aria-label="Courses" tabIndex={0}>
          <table>
            <caption className="unseen">Courses of {member.display_name}</caption>
            <thead>
              <tr>
                <th scope="col">Course</th>
                <th scope="col">Role</th>
                {mayChange && (
                  <th scope="col">
                    <span className="unseen">Leave</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {member.courses.map(part => (
                <tr key={part.course} data-testid={`part-${part.course}`}>
                  <th scope="row">{part.title}</th>
                  <td>
                    {mayChange ? (
                      <select
                        className="plain"
                        aria-label={`Role in ${part.title}`}
                        value={part.role}
                        disabled={action.isBusy}
                        onChange={event =>
                          change(part.course, part.title, part.role, event.target.value)
                        }
                      >
                        {COURSE_ROLES.map(known => (
                          <option key={known} value={known}>
                            {COURSE_ROLE_WORDS[known]}
                          </option>
                        ))}
                      </select>
                    ) : (
                      roleWords(part.role)
                    )}
                  </td>
                  {mayChange && (
                    <td className="number">
                      <button
                        type="button"
                        className="button small"
                        disabled={action.isBusy}
                        aria-label={`Take out of ${part.title}`}
                        onClick={() => change(part.course, part.title, part.role, null)}
                      >
                        Take out
                      </button>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {last && (
        <div className="notice done" data-testid="course-changed">
          <p>{last.words}</p>
          <button
            type="button"
            className="button small"
            disabled={action.isBusy}
            data-testid="course-undo"
            onClick={undo}
          >
            Undo
          </button>
        </div>
      )}
      {action.problem && <Failure problem={action.problem} retry={action.clear} />}
      {mayChange && !props.isSelf && others.length > 0 && (
        <form
          className="field-row"
          onSubmit={event => {
            event.preventDefault();
            const chosen = others.find(offered => offered.course === course) ?? others[0];
            if (chosen) {
              setCourse('');
              change(chosen.course, chosen.title, null, role);
            }
          }}
        >
          <label className="field">
            <span>Add to</span>
            <select
              value={course || others[0]?.course}
              data-testid="add-course"
              onChange={event => setCourse(event.target.value)}
            >
              {others.map(offered => (
                <option key={offered.course} value={offered.course}>
                  {offered.title}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>as</span>
            <select
              value={role}
              data-testid="add-role"
              onChange={event => setRole(event.target.value)}
            >
              {COURSE_ROLES.map(known => (
                <option key={known} value={known}>
                  {COURSE_ROLE_WORDS[known]}
                </option>
              ))}
            </select>
          </label>
          <button
            type="submit"
            className="button"
            disabled={action.isBusy}
            data-testid="add-to-course"
          >
            Add
          </button>
        </form>
      )}
    </div>
  );
}
