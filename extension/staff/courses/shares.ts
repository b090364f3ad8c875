import type { StaffAssignment } from '../api/staff';

/** Learners by how far they got; together they are everybody, each counted once. */
export interface Shares {
  passed: number;
  submitted: number;
  started: number;
  none: number;
}

/**
 * Splits counts that contain each other (who passed has submitted, who submitted has started) into shares of
 * all learners. Counts that do not fit, as right after somebody left the course, never become negative.
 */
export function sharesOf(
  counts: Pick<StaffAssignment, 'learners' | 'started' | 'submitted' | 'passed'>
): Shares {
  const passed = Math.max(0, counts.passed);
  const submitted = Math.max(0, counts.submitted - passed);
  const started = Math.max(0, counts.started - submitted - passed);
  return {
    passed,
    submitted,
    started,
    none: Math.max(0, counts.learners - started - submitted - passed)
  };
}
