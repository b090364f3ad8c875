import type { Change } from './words';

/** What an entry changed, one line for each value: how it was and how it is; only how it is where nothing was before. */
export function Changes(props: { of: Change[]; isNew: boolean }): React.JSX.Element {
  if (props.of.length === 0) {
    return <span className="quiet">–</span>;
  }
  return (
    <ul className="changes">
      {props.of.map(change => (
        <li key={change.name}>
          <span className="quiet">{change.name}:</span>{' '}
          {!props.isNew && (
            <>
              {change.before}
              <span aria-hidden="true"> → </span>
              <span className="unseen"> became </span>
            </>
          )}
          {change.after}
        </li>
      ))}
    </ul>
  );
}
