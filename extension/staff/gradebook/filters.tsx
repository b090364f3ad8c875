import { useRef } from 'react';

import type { GradebookAssignment } from '../api/grading';
import { useKeys } from '../components/keys';
import { useSearchField } from '../components/search_field';
import {
  GRADEBOOK_STATES,
  WHOLE_GRADEBOOK,
  type GradebookFilter,
  type GradebookState
} from '../navigation/addresses';
import { go } from '../navigation/router';

const STATE_WORDS: Record<GradebookState, string> = {
  needs_grading: 'With work to grade',
  late: 'With something late',
  missing: 'With something missing',
  flagged: 'With integrity flags'
};

/** Narrows the gradebook; every choice is part of the address. */
export function GradebookFilters(props: {
  course: string;
  filter: GradebookFilter;
  assignments: GradebookAssignment[];
}): React.JSX.Element {
  const { course, filter, assignments } = props;
  const search = useRef<HTMLInputElement>(null);
  const change = (part: Partial<GradebookFilter>, how: 'push' | 'replace' = 'push'): void => {
    go({ page: 'gradebook', course, filter: { ...filter, ...part, page: 1 } }, how);
  };
  const field = useSearchField(filter.search, wanted => change({ search: wanted }, 'replace'));
  useKeys({ '/': () => search.current?.focus() });
  return (
    <search className="filters">
      <label>
        <span>Learner</span>
        <input
          ref={search}
          type="search"
          maxLength={100}
          placeholder="Part of a name"
          data-testid="gradebook-search"
          {...field}
        />
      </label>
      <label>
        <span>Show learners</span>
        <select
          value={filter.state}
          data-testid="gradebook-state"
          onChange={event =>
            change({
              state: GRADEBOOK_STATES.find(state => state === event.target.value) ?? ''
            })
          }
        >
          <option value="">All</option>
          {GRADEBOOK_STATES.map(state => (
            <option key={state} value={state}>
              {STATE_WORDS[state]}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>In</span>
        <select
          value={filter.lesson}
          data-testid="gradebook-lesson"
          onChange={event => change({ lesson: event.target.value })}
        >
          <option value="">All assignments</option>
          {assignments.map(assignment => (
            <option key={assignment.lesson} value={assignment.lesson}>
              {assignment.title}
            </option>
          ))}
          {filter.lesson !== '' &&
            assignments.every(assignment => assignment.lesson !== filter.lesson) && (
              <option value={filter.lesson}>{filter.lesson}</option>
            )}
        </select>
      </label>
      {(filter.search !== '' || filter.state !== '' || filter.lesson !== '') && (
        <button
          type="button"
          className="button"
          onClick={() =>
            change({
              search: WHOLE_GRADEBOOK.search,
              state: WHOLE_GRADEBOOK.state,
              lesson: WHOLE_GRADEBOOK.lesson
            })
          }
        >
          Clear filters
        </button>
      )}
    </search>
  );
}
