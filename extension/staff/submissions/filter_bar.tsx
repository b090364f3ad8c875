import { useRef } from 'react';

import { useRemote } from '../api/remote';
import { readAssignments } from '../api/staff';
import { useKeys } from '../components/keys';
import { useSearchField } from '../components/search_field';
import { attemptStatusWords } from '../components/status';
import {
  isNarrowed,
  NO_FILTER,
  STATUSES,
  type AttemptsFilter,
  type AttemptStatus
} from '../navigation/addresses';
import { go } from '../navigation/router';

interface Choice {
  value: string;
  words: string;
  statuses: AttemptStatus[];
}

const CHOICES: Choice[] = [
  { value: '', words: 'Any status', statuses: [] },
  { value: 'queued,running', words: 'In flight', statuses: ['queued', 'running'] },
  ...STATUSES.map(status => ({
    value: status,
    words: attemptStatusWords(status),
    statuses: [status]
  }))
];

/** Narrows the list of attempts; every choice is part of the address. */
export function FilterBar(props: { course: string; filter: AttemptsFilter }): React.JSX.Element {
  const { course, filter } = props;
  const assignments = useRemote(`assignments ${course}`, signal => readAssignments(course, signal));
  const search = useRef<HTMLInputElement>(null);

  const change = (part: Partial<AttemptsFilter>, how: 'push' | 'replace' = 'push'): void => {
    go({ page: 'attempts', course, filter: { ...filter, ...part, page: 1 } }, how);
  };
  const field = useSearchField(filter.learner, learner => change({ learner }, 'replace'));
  useKeys({ '/': () => search.current?.focus() });

  const status = filter.statuses.join(',');
  const known = CHOICES.some(choice => choice.value === status);
  return (
    <search className="filters">
      <label>
        <span>Learner</span>
        <input
          ref={search}
          type="search"
          maxLength={100}
          placeholder="Part of a name"
          data-testid="filter-learner"
          {...field}
        />
      </label>
      <label>
        <span>Assignment</span>
        <select
          value={filter.lesson}
          data-testid="filter-lesson"
          onChange={event => change({ lesson: event.target.value })}
        >
          <option value="">All assignments</option>
          {(assignments.data?.items ?? []).map(assignment => (
            <option key={assignment.lesson} value={assignment.lesson}>
              {assignment.title}
            </option>
          ))}
          {filter.lesson !== '' &&
            assignments.data?.items.every(({ lesson }) => lesson !== filter.lesson) !== false && (
              <option value={filter.lesson}>{filter.lesson}</option>
            )}
        </select>
      </label>
      <label>
        <span>Status</span>
        <select
          value={status}
          data-testid="filter-status"
          onChange={event =>
            change({
              statuses: CHOICES.find(choice => choice.value === event.target.value)?.statuses ?? []
            })
          }
        >
          {CHOICES.map(choice => (
            <option key={choice.value} value={choice.value}>
              {choice.words}
            </option>
          ))}
          {!known && (
            <option value={status}>{filter.statuses.map(attemptStatusWords).join(', ')}</option>
          )}
        </select>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={filter.flagged}
          data-testid="filter-flagged"
          onChange={event => change({ flagged: event.target.checked })}
        />
        <span>Flagged only</span>
      </label>
      {isNarrowed(filter) && (
        <button
          type="button"
          className="button"
          onClick={() =>
            change({
              lesson: NO_FILTER.lesson,
              learner: NO_FILTER.learner,
              statuses: NO_FILTER.statuses,
              flagged: NO_FILTER.flagged
            })
          }
        >
          Clear filters
        </button>
      )}
    </search>
  );
}
