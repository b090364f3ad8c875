import { readCohort, type CohortPage } from '../api/administration';
import { useRemote, type Remote } from '../api/remote';

/** The cohort that this hub serves, with its rules, limits and courses. */
export function useCohort(): Remote<CohortPage> {
  return useRemote('cohort', readCohort);
}
