import { Fragment, useId, useState } from 'react';

import type { StaffAttempt, TestResult } from '../api/staff';
import { durationText, numberText } from '../components/figures';
import { Icon } from '../components/icons';
import { TestMark } from '../components/status';

const DRIVEN =
  'The judge calls the learner’s code from outside and compares there, so that nothing in the notebook can forge the result.';

function hasMore(test: TestResult): boolean {
  return (
    test.staff_message !== '' ||
    test.learner_message !== '' ||
    test.hint !== '' ||
    test.kind === 'driven'
  );
}

function Details(props: { test: TestResult }): React.JSX.Element {
  const { test } = props;
  const seen = test.hidden ? '' : test.learner_message;
  return (
    <dl className="details">
      {test.kind === 'driven' && (
        <>
          <dt>Tamper-proof</dt>
          <dd>{DRIVEN}</dd>
        </>
      )}
      {test.staff_message !== '' && (
        <>
          <dt>For staff</dt>
          <dd>
            <pre className="message" tabIndex={0} aria-label="Message for staff">
              {test.staff_message}
            </pre>
          </dd>
        </>
      )}
      <dt>The learner reads</dt>
      <dd>
        {seen !== '' && (
          <pre className="message" tabIndex={0} aria-label="Message for the learner">
            {seen}
          </pre>
        )}
        {test.hidden && <p className="quiet">No message: this test is hidden.</p>}
        {!test.hidden && seen === '' && <p className="quiet">No message.</p>}
      </dd>
      {test.hint !== '' && (
        <>
          <dt>Author’s hint</dt>
          <dd>{test.hint}</dd>
        </>
      )}
    </dl>
  );
}

function Title(props: { test: TestResult }): React.JSX.Element {
  return (
    <span>
      {props.test.title}
      {props.test.hidden && <span className="tag">hidden</span>}
      {props.test.kind === 'driven' && (
        <span className="tag" title={DRIVEN}>
          tamper-proof
        </span>
      )}
    </span>
  );
}

function Row(props: { test: TestResult; isOpen: boolean; toggle: () => void }): React.JSX.Element {
  const { test, isOpen, toggle } = props;
  const details = useId();
  return (
    <>
      <tr data-testid={`test-row-${test.id}`}>
        <th scope="row">
          {hasMore(test) ? (
            <button
              type="button"
              className="opener"
              aria-expanded={isOpen}
              aria-controls={details}
              onClick={toggle}
            >
              <Icon shape="chevron" className="turns" />
              <Title test={test} />
            </button>
          ) : (
            <span className="opener">
              <Title test={test} />
            </span>
          )}
        </th>
        <td>
          <TestMark status={test.status} />
        </td>
        <td className="number">
          {numberText(test.points)} of {numberText(test.max_points)}
        </td>
        <td className="number quiet time">
          {test.status === 'not_run' || test.kind === 'manual'
            ? '–'
            : durationText(test.duration_ms)}
        </td>
      </tr>
      {isOpen && (
        <tr className="opened" id={details}>
          <td colSpan={4}>
            <Details test={test} />
          </td>
        </tr>
      )}
    </>
  );
}

/** Every test's verdict; a row opens to what staff and the learner are told. */
export function TestsTable(props: { tests: TestResult[] }): React.JSX.Element {
  const { tests } = props;
  const firstFailed = tests.find(test => test.status !== 'passed' && hasMore(test))?.id;
  const [open, setOpen] = useState<ReadonlySet<string>>(
    () => new Set(firstFailed === undefined ? [] : [firstFailed])
  );
  const openable = tests.filter(hasMore).map(test => test.id);
  const isAllOpen = openable.every(id => open.has(id));
  const toggle = (id: string): void => {
    const next = new Set(open);
    if (!next.delete(id)) {
      next.add(id);
    }
    setOpen(next);
  };
  const notebooks = [...new Set(tests.map(test => test.notebook))];
  return (
    <section aria-labelledby="tests">
      <div className="section-head">
        <h2 id="tests">Tests</h2>
        {openable.length > 1 && (
          <button
            type="button"
            className="button small"
            onClick={() => setOpen(new Set(isAllOpen ? [] : openable))}
          >
            {isAllOpen ? 'Close all' : 'Open all'}
          </button>
        )}
      </div>
      <div className="scroll" role="group" aria-label="Table of tests" tabIndex={0}>
        <table data-testid="tests-table" className="tests">
          <thead>
            <tr>
              <th scope="col">Test</th>
              <th scope="col">Status</th>
              <th scope="col" className="number">
                Points
              </th>
              <th scope="col" className="number time">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {notebooks.map(notebook => (
              <Fragment key={notebook}>
                {notebooks.length > 1 && (
                  <tr className="group">
                    <th scope="rowgroup" colSpan={4}>
                      {notebook}
                    </th>
                  </tr>
                )}
                {tests
                  .filter(test => test.notebook === notebook)
                  .map(test => (
                    <Row
                      key={test.id}
                      test={test}
                      isOpen={open.has(test.id)}
                      toggle={() => toggle(test.id)}
                    />
                  ))}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The tests that are known before anything was graded. */
export function AwaitedTests(props: { tests: StaffAttempt['tests'] }): React.JSX.Element {
  return (
    <section aria-labelledby="tests">
      <h2 id="tests">Tests</h2>
      <ul className="awaited">
        {props.tests.map(test => (
          <li key={test.id}>
            <Icon shape="ring" className="quiet" />
            <span>{test.title}</span>
            {test.hidden && <span className="tag">hidden</span>}
            <span className="quiet number">{numberText(test.points)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
