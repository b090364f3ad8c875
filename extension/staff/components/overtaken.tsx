/** One thing that two people have decided differently, as each of them has it. */
export interface Side {
  name: string;
  theirs: string;
  mine: string;
}

/** What somebody else saved and what was typed here, side by side; only what differs. Nothing typed is given up. */
export function Overtaken(props: {
  words: string;
  sides: Side[];
  takeTheirs: () => void;
  keepMine: () => void;
  /** What the test ids of this one begin with. */
  testId: string;
}): React.JSX.Element {
  const { testId } = props;
  return (
    <div className="notice waiting overtaken" role="alert" data-testid={`${testId}-overtaken`}>
      <p>{props.words}</p>
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">Saved now</th>
            <th scope="col">Yours</th>
          </tr>
        </thead>
        <tbody>
          {props.sides
            .filter(side => side.theirs !== side.mine)
            .map(side => (
              <tr key={side.name}>
                <th scope="row">{side.name}</th>
                <td data-testid={`theirs-${side.name}`}>{side.theirs || 'none'}</td>
                <td data-testid={`mine-${side.name}`}>{side.mine || 'none'}</td>
              </tr>
            ))}
        </tbody>
      </table>
      <div className="actions">
        <button
          type="button"
          className="button"
          data-testid={`${testId}-take-theirs`}
          onClick={props.takeTheirs}
        >
          Leave it as it is now
        </button>
        <button
          type="button"
          className="button"
          data-testid={`${testId}-keep-mine`}
          onClick={props.keepMine}
        >
          Put mine in its place
        </button>
      </div>
    </div>
  );
}
