import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './frame/app';
import './style/tokens.css';
import './style/frame.css';
import './style/parts.css';
import './style/tables.css';
import './style/attempt.css';
import './style/forms.css';
import './style/gradebook.css';
import './style/grading.css';
import './style/administration.css';

const root = document.getElementById('studyhall');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>
  );
}
