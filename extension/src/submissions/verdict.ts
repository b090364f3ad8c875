import type { TranslationBundle } from '@jupyterlab/translation';

import type {
  Attempt,
  FinalGrade,
  GradesUpdate,
  KnownTest,
  ReportedTest,
  SubmissionProgress,
  TestStatus
} from '../api/types';

/** One row of the result panel, whether its test has run or not. */
export interface ResultRow {
  id: string;
  title: string;
  hidden: boolean;
  /** Whether the judge compares from outside, where nothing in a notebook reaches. */
  driven: boolean;
  points: number | null;
  maxPoints: number;
  status: TestStatus | 'waiting' | 'on_submit';
  message: string;
  hint: string;
  /** Where "Go to cell" leads: the notebook's name and the cells, best first. */
  notebook: string;
  cells: string[];
}

/** Splits "notebook/grade_id"; a grade_id holds no slash. */
export function splitTestId(id: string): { notebook: string; gradeId: string } {
  const slash = id.lastIndexOf('/');
  return { notebook: id.slice(0, Math.max(0, slash)), gradeId: id.slice(slash + 1) };
}

function reportedRow(test: ReportedTest): ResultRow {
  return {
    id: test.id,
    title: test.title,
    hidden: test.hidden,
    driven: test.kind === 'driven',
    // Its points in the report are none yet rather than 0.
    points: test.status === 'needs_manual' ? null : test.points,
    maxPoints: test.max_points,
    status: test.status,
    message: test.message,
    hint: test.hint,
    notebook: test.notebook,
    cells: [test.answer_grade_id, test.grade_id].filter(name => name !== null)
  };
}

/** A list that may leave the reports out, with those that are here already. */
export function withReports(attempts: Attempt[], known: Attempt[] | null): Attempt[] {
  return attempts.map(attempt => {
    const report = attempt.report ?? known?.find(({ id }) => id === attempt.id)?.report ?? null;
    return { ...attempt, report };
  });
}

/** Attempts after a grade was released, changed or taken back: it stands on the attempt that counts and no other. */
export function withGrade(attempts: Attempt[] | null, update: GradesUpdate): Attempt[] | null {
  return (
    attempts?.map(attempt => ({
      ...attempt,
      final: attempt.id === update.attempt_id ? update.final : null
    })) ?? null
  );
}

/** A row with what a person gave for it, once that is released: the report itself knows only the tests' points. */
function byHand(row: ResultRow, final: FinalGrade | null | undefined): ResultRow {
  const score = final?.cells[row.id]?.manual_score ?? null;
  if (score === null) {
    return row;
  }
  const status = score >= row.maxPoints ? 'passed' : score > 0 ? 'partial' : 'failed';
  return { ...row, points: score, status };
}

function waitingRow(test: KnownTest, progress: ReadonlyMap<string, TestStatus>): ResultRow {
  const { notebook, gradeId } = splitTestId(test.id);
  return {
    id: test.id,
    title: test.title,
    hidden: test.hidden,
    driven: false,
    points: null,
    maxPoints: test.points,
    status: progress.get(test.id) ?? 'waiting',
    message: '',
    hint: '',
    notebook,
    cells: [gradeId]
  };
}

/** The rows of an attempt: the report's when there is one, else the known tests with what has come in. */
export function rowsOf(attempt: Attempt, progress: ReadonlyMap<string, TestStatus>): ResultRow[] {
  if (attempt.report && attempt.report.tests.length > 0) {
    return attempt.report.tests.map(test => byHand(reportedRow(test), attempt.final));
  }
  return isFinal(attempt) ? [] : attempt.tests.map(test => waitingRow(test, progress));
}

/** Whether nothing more will happen to an attempt by itself. */
export function isFinal(attempt: Attempt): boolean {
  return attempt.status !== 'queued' && attempt.status !== 'running';
}

/** Numbers as people write them: no ".0", at most two places. */
export function formatPoints(points: number, locale: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }).format(points);
}

/** The parts of "12 of 15 points · passed · +35 XP". */
export function headline(
  attempt: Attempt,
  gainedXp: number,
  locale: string,
  trans: TranslationBundle
): string[] {
  const parts: string[] = [];
  const { final } = attempt;
  if (final) {
    const score = formatPoints(final.score, locale);
    return [
      trans.__('Grade: %1 of %2 points', score, formatPoints(final.max_score, locale)),
      ...(final.needs_grading ? [trans.__('the rest is graded by hand')] : []),
      ...(gainedXp > 0 ? [trans.__('+%1 XP', gainedXp)] : [])
    ];
  }
  if (attempt.score !== null && attempt.max_score !== null) {
    parts.push(
      trans.__(
        '%1 of %2 points',
        formatPoints(attempt.score, locale),
        formatPoints(attempt.max_score, locale)
      )
    );
  }
  if (attempt.status === 'needs_manual') {
    parts.push(trans.__('the rest is graded by hand'));
  } else if (attempt.passed !== null) {
    parts.push(attempt.passed ? trans.__('passed') : trans.__('not passed yet'));
  }
  if (gainedXp > 0) {
    parts.push(trans.__('+%1 XP', gainedXp));
  }
  return parts;
}

/** What a status means, in a word or two. */
export function statusWords(status: ResultRow['status'], trans: TranslationBundle): string {
  return {
    passed: trans.__('passed'),
    partial: trans.__('partly right'),
    failed: trans.__('failed'),
    error: trans.__('stopped with an error'),
    timed_out: trans.__('took too long'),
    memory_exceeded: trans.__('needed too much memory'),
    not_run: trans.__('not run'),
    needs_manual: trans.__('to be graded by hand'),
    waiting: trans.__('waiting'),
    on_submit: trans.__('runs when you submit')
  }[status];
}

/** Keeps what is known of tests that are still running, by attempt. */
export class ProgressBook {
  private readonly _byAttempt = new Map<string, Map<string, TestStatus>>();

  note(progress: SubmissionProgress): void {
    const known = this._byAttempt.get(progress.attempt_id) ?? new Map<string, TestStatus>();
    known.set(progress.test_id, progress.status);
    this._byAttempt.set(progress.attempt_id, known);
  }

  of(attempt: string): ReadonlyMap<string, TestStatus> {
    return this._byAttempt.get(attempt) ?? new Map<string, TestStatus>();
  }

  forget(attempt: string): void {
    this._byAttempt.delete(attempt);
  }
}
