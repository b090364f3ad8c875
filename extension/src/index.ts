import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { reviewPlugin } from './ai_review/plugin';
import { classroomPlugin } from './classroom/plugin';
import { coursesPlugin } from './courses/plugin';
import { learnersNotebooksPlugin } from './learners_notebooks/plugin';
import { notificationsPlugin } from './notifications/plugin';
import { quizzesPlugin } from './quizzes/plugin';
import { rewardsPlugin } from './rewards/plugin';
import { submissionsPlugin } from './submissions/plugin';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  classroomPlugin,
  coursesPlugin,
  submissionsPlugin,
  quizzesPlugin,
  rewardsPlugin,
  reviewPlugin,
  notificationsPlugin,
  learnersNotebooksPlugin
];

export default plugins;
