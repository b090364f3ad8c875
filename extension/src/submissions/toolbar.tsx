import { VDomRenderer } from '@jupyterlab/ui-components';

import type { LessonPlace } from '../courses/tokens';
import type { SubmissionsModel } from './model';

/** What a lesson's toolbar can set in motion. */
export interface ToolbarActions {
  check(): void;
  /** Whether the toolbar's notebook is the one that is being worked in. */
  hasKeyboard(): boolean;
  /** The button has gone down; {@link submit} follows unless the pointer leaves it. */
  beginSubmit(): void;
  submit(): void;
}

/** Check, Submit and the attempts left, in the toolbar of a lesson's notebook. */
export class LessonToolbar extends VDomRenderer<SubmissionsModel> {
  constructor(
    model: SubmissionsModel,
    private readonly _place: LessonPlace,
    private readonly _actions: ToolbarActions
  ) {
    super(model);
    this.addClass('sh-Toolbar');
  }

  protected override render(): React.JSX.Element {
    const { model } = this;
    const { trans } = model.classroom;
    const left = model.attemptsLeft(this._place);
    const lesson = model.lessons.lesson(this._place.course, this._place.lesson);
    if (lesson?.has_tests === false) {
      return (
        <span className="sh-Toolbar-left" data-testid="nothing-to-submit">
          {trans.__('Nothing to submit here')}
        </span>
      );
    }
    const closed = lesson?.closes_at ? new Date(lesson.closes_at) <= new Date() : false;
    const sending = model.pending?.stage === 'saving' || model.pending?.stage === 'sending';
    const isChecking = model.checks.isRunningIn(this._place);
    const checkTitle =
      model.checks.isRunning && !isChecking
        ? trans.__('Another lesson is being checked')
        : trans.__('Run the visible tests here, without submitting');
    const submitTitle =
      left === 0
        ? trans.__('You have used all attempts of this lesson')
        : closed
          ? trans.__('This lesson has closed; your instructor can give an extension')
          : trans.__('Save and hand in this lesson');
    return (
      <>
        <button
          type="button"
          className="jp-Button jp-mod-styled sh-Button sh-Toolbar-check"
          data-testid="check-button"
          disabled={model.checks.isRunning}
          title={checkTitle}
          onClick={() => this._actions.check()}
        >
          {isChecking ? trans.__('Checking…') : trans.__('Check')}
        </button>
        <button
          type="button"
          className="jp-Button jp-mod-styled jp-mod-accept sh-Button sh-Toolbar-submit"
          data-testid="submit-button"
          disabled={model.busy || left === 0}
          title={submitTitle}
          onPointerDown={event => {
            if (event.isPrimary && event.button === 0) {
              this._actions.beginSubmit();
            }
          }}
          onMouseDown={event => {
            // The keyboard stays in the notebook. Lab would bring it back there, and lay the whole page out for it.
            if (this._actions.hasKeyboard()) {
              event.preventDefault();
            }
          }}
          onClick={event => {
            if (event.detail > 0 && this._actions.hasKeyboard()) {
              event.stopPropagation();
            }
            this._actions.submit();
          }}
        >
          {sending ? trans.__('Submitting…') : trans.__('Submit')}
        </button>
        {left !== null && (
          <span className="sh-Toolbar-left" data-testid="attempts-left">
            {trans._n('%1 attempt left', '%1 attempts left', left)}
          </span>
        )}
      </>
    );
  }
}
