// The names that Lab's plugins use for the API's shapes. The shapes themselves are generated from the
// service's OpenAPI document into schema.ts; only what is not in that document is written here.

import type { components } from './schema';

type Schemas = components['schemas'];

/** A generated shape with some fields known more narrowly than its document says. */
type Refined<Shape, Fields> = Omit<Shape, keyof Fields> & Fields;

export type Me = Schemas['Profile'];
export type CourseSummary = Schemas['CourseSummary'];
export type Outline = Schemas['Outline'];
export type OutlineUnit = Schemas['OutlineUnit'];
export type OutlineLesson = Schemas['OutlineLesson'];
export type LessonState = Schemas['OutlineState'];

export type TestStatus = Schemas['TestStatus'];
export type AttemptStatus = Schemas['AttemptStatus'];
export type KnownTest = Schemas['KnownTest'];
export type ReportedTest = Schemas['LearnerTest'];
export type LearnerReport = Schemas['LearnerReport'];
export type FinalGrade = Schemas['FinalGrade'];
export type Attempt = Refined<
  Schemas['AttemptOut'],
  { report: LearnerReport | null; final?: FinalGrade | null }
>;

export type Quiz = Schemas['QuizOut'];
export type QuizQuestion = Schemas['QuizQuestion'];
export type QuizAnswer = Schemas['QuizAnswer'];
export type QuizStarted = Schemas['QuizStarted'];
export type QuizSaved = Schemas['QuizSaved'];
export type QuizResult = Schemas['QuizResult'];
export type QuizQuestionResult = Schemas['QuestionResult'];

export type ActivityDay = Schemas['ActivityDay'];
export type RewardProfile = Schemas['RewardProfile'];
export type RewardPreferences = Schemas['Preferences'];
export type Leaderboard = Schemas['Leaderboard'];
export type LeaderboardWindow = Schemas['Window'];

export type ReviewStatus = Schemas['ReviewStatus'];
export type Review = Schemas['ReviewOut'];
export type ReviewAsked = Schemas['ReviewAsked'];
export type ReviewImprovement = Schemas['Remark'];
export type ReviewSuggestion = Schemas['CodeSuggestion'];

export type Notification = Schemas['NotificationOut'];

/** A lesson's grades were released, changed afterwards, or taken back. */
export interface GradesUpdate {
  /** The attempt that counts. */
  attempt_id: string;
  course: string;
  lesson: string;
  /** Null when grades were taken back. */
  final: FinalGrade | null;
}

export interface OpenedFile {
  path: string;
  status: 'created' | 'kept' | 'updated' | 'beside';
}

export interface OpenedLesson {
  path: string;
  release: number;
  files: OpenedFile[];
  message: string;
}

export interface OutboxItem {
  idempotency_key: string;
  course: string;
  lesson: string;
  created_at: string;
  state: 'waiting' | 'refused';
  message: string;
}

export interface WaitingSubmission {
  state: 'waiting';
  idempotency_key: string;
  message: string;
}

export interface ClassroomState {
  attempts_in_flight: Attempt[];
  server_time: string;
}

export interface SubmissionProgress {
  attempt_id: string;
  test_id: string;
  status: TestStatus;
  done: number;
  total: number;
}

/** A waiting attempt has another place in the queue. */
export interface SubmissionPosition {
  attempt_id: string;
  position: number;
}

export interface RewardsUpdate extends RewardProfile {
  /** XP earned just now; `object` is `course/lesson` or `course/quizzes/quiz`. */
  gained: { xp: number; reason: string; object: string; attempt_id: string | null } | null;
  level_up: boolean;
}

export interface ReviewUpdate {
  submission_id: string;
  review_id: string;
  status: ReviewStatus;
}

/** What the learner's server says of its connection to the classroom service. */
export interface ServiceConnection {
  online: boolean;
  code?: string;
  message?: string;
}

/** A change of the outbox: a snapshot waits, was refused, sent, or taken away elsewhere. */
export interface OutboxUpdate {
  idempotency_key: string;
  course: string;
  lesson: string;
  created_at: string;
  state: OutboxItem['state'] | 'sent' | 'removed';
  message: string;
  attempt: Attempt | null;
}

/** Every event of the live stream, by name, with what it carries. */
export interface ClassroomEvents {
  state: ClassroomState;
  'submission.progress': SubmissionProgress;
  'submission.updated': Attempt;
  'submission.position': SubmissionPosition;
  'rewards.updated': RewardsUpdate;
  'ai_review.updated': ReviewUpdate;
  'outbox.updated': OutboxUpdate;
  'notification.created': Notification;
  'grades.updated': GradesUpdate;
  connection: ServiceConnection;
}
