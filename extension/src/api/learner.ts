import type {
  Attempt,
  CourseSummary,
  Leaderboard,
  LeaderboardWindow,
  Me,
  Notification,
  OpenedLesson,
  OutboxItem,
  Outline,
  Quiz,
  QuizAnswer,
  QuizResult,
  QuizStarted,
  Review,
  ReviewAsked,
  RewardPreferences,
  RewardProfile,
  WaitingSubmission
} from './types';
import type { Transport } from './request';

const part = encodeURIComponent;

/** Everything a learner's Lab may ask the classroom for. */
export class LearnerApi {
  constructor(private readonly _transport: Transport) {}

  me(): Promise<Me> {
    return this._transport.call('me');
  }

  setTimezone(timezone: string): Promise<Me> {
    return this._transport.call('me', { method: 'PATCH', body: { timezone } });
  }

  courses(background = false): Promise<CourseSummary[]> {
    return this._transport.call('courses', { background });
  }

  outline(course: string, background = false): Promise<Outline> {
    return this._transport.call(`courses/${part(course)}/outline`, { background });
  }

  /** Puts the lesson's files into the learner's folder; work that is there is never overwritten. */
  openLesson(course: string, lesson: string, update: boolean): Promise<OpenedLesson> {
    return this._transport.call(`courses/${part(course)}/lessons/${part(lesson)}/open`, {
      method: 'POST',
      body: { update }
    });
  }

  submit(
    course: string,
    lesson: string,
    idempotencyKey: string,
    path: string
  ): Promise<Attempt | WaitingSubmission> {
    return this._transport.call(`courses/${part(course)}/lessons/${part(lesson)}/submissions`, {
      method: 'POST',
      body: { idempotency_key: idempotencyKey, path }
    });
  }

  attempts(course: string, lesson: string, background = false): Promise<Attempt[]> {
    return this._transport.call('submissions', {
      query: { course, lesson, limit: 100 },
      background
    });
  }

  attempt(id: string, background = false): Promise<Attempt> {
    return this._transport.call(`submissions/${part(id)}`, { background });
  }

  outbox(): Promise<OutboxItem[]> {
    return this._transport.call('outbox', { background: true });
  }

  dismissRefused(idempotencyKey: string): Promise<void> {
    return this._transport.call(`outbox/${part(idempotencyKey)}`, { method: 'DELETE' });
  }

  quiz(id: string, course: string): Promise<Quiz> {
    return this._transport.call(`quizzes/${part(id)}`, { query: { course } });
  }

  startQuiz(id: string, course: string): Promise<QuizStarted> {
    return this._transport.call(`quizzes/${part(id)}/attempts`, {
      method: 'POST',
      body: { course }
    });
  }

  saveQuizAnswers(attempt: string, answers: QuizAnswer[]): Promise<unknown> {
    return this._transport.call(`quiz-attempts/${part(attempt)}/answers`, {
      method: 'PUT',
      body: { answers }
    });
  }

  submitQuiz(attempt: string, answers: QuizAnswer[]): Promise<QuizResult> {
    return this._transport.call(`quiz-attempts/${part(attempt)}/submit`, {
      method: 'POST',
      body: { answers }
    });
  }

  quizResult(attempt: string): Promise<QuizResult> {
    return this._transport.call(`quiz-attempts/${part(attempt)}`);
  }

  rewards(background = false): Promise<RewardProfile> {
    return this._transport.call('rewards/profile', { background });
  }

  leaderboard(window: LeaderboardWindow): Promise<Leaderboard> {
    return this._transport.call('leaderboard', { query: { window, limit: 10 } });
  }

  rewardPreferences(): Promise<RewardPreferences> {
    return this._transport.call('rewards/preferences');
  }

  setRewardPreferences(preferences: RewardPreferences): Promise<RewardPreferences> {
    return this._transport.call('rewards/preferences', { method: 'PATCH', body: preferences });
  }

  askForReview(attempt: string): Promise<ReviewAsked> {
    return this._transport.call(`submissions/${part(attempt)}/ai-review`, {
      method: 'POST',
      body: {}
    });
  }

  notifications(background = false): Promise<Notification[]> {
    return this._transport.call('notifications', { query: { limit: 50 }, background });
  }

  readAllNotifications(): Promise<unknown> {
    return this._transport.call('notifications/read', { method: 'POST', body: {} });
  }

  readNotification(id: string): Promise<Notification> {
    return this._transport.call(`notifications/${part(id)}/read`, { method: 'POST', body: {} });
  }

  review(attempt: string): Promise<Review> {
    return this._transport.call(`submissions/${part(attempt)}/ai-review`, { background: true });
  }
}
