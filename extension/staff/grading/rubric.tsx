import { useState } from 'react';

import { addRubricItem, readRubric, removeRubricItem, type RubricItem } from '../api/grading';
import { useRemote, type Remote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { numberText } from '../components/figures';
import { Failure } from '../components/notices';
import { useAction } from '../components/use_action';

import { pointsOf } from './draft';

export interface RubricPlace {
  course: string;
  lesson: string;
  test: string;
}

export function useRubric(place: RubricPlace): Remote<RubricItem[]> {
  return useRemote(`rubric ${place.course} ${place.lesson} ${place.test}`, signal =>
    readRubric(place.course, place.lesson, place.test, signal)
  );
}

/** "+2", "−1", "0": what an item does to the score. */
export function deltaText(points: number): string {
  const size = numberText(Math.abs(points));
  return points > 0 ? `+${size}` : points < 0 ? `−${size}` : '0';
}

function Editor(props: {
  place: RubricPlace;
  items: RubricItem[];
  changed: () => void;
}): React.JSX.Element {
  const { place, items, changed } = props;
  const announce = useAnnounce();
  const action = useAction();
  const [title, setTitle] = useState('');
  const [points, setPoints] = useState('');
  const add = (): Promise<boolean> =>
    action.run(async () => {
      const value = pointsOf(points) ?? 0;
      await addRubricItem(place.course, place.lesson, {
        test_id: place.test,
        title: title.trim(),
        points: Number.isNaN(value) ? 0 : value
      });
      announce(`Added ${title.trim()} to the rubric.`);
      setTitle('');
      setPoints('');
      changed();
    });
  const remove = (item: RubricItem): Promise<boolean> =>
    action.run(async () => {
      await removeRubricItem(place.course, place.lesson, item.id);
      announce(`Removed ${item.title} from the rubric.`);
      changed();
    });
  return (
    <form
      className="form rubric-editor"
      onSubmit={event => {
        event.preventDefault();
        void add();
      }}
    >
      {items.length > 0 && (
        <ul className="given">
          {items.map(item => (
            <li key={item.id}>
              <span>
                {item.title} <span className="quiet">{deltaText(item.points)}</span>
              </span>
              <button
                type="button"
                className="button small"
                disabled={action.isBusy}
                aria-label={`Remove ${item.title} from the rubric`}
                onClick={() => void remove(item)}
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="field-row">
        <label className="field grows">
          <span>New item</span>
          <input
            type="text"
            value={title}
            required
            maxLength={200}
            placeholder="Names the wild yeast"
            data-testid="rubric-title"
            onChange={event => setTitle(event.target.value)}
          />
        </label>
        <label className="field short">
          <span>Points</span>
          <input
            type="text"
            inputMode="decimal"
            value={points}
            required
            placeholder="+2 or −1"
            pattern="\s*[+\-−]?\d+([.,]\d+)?\s*"
            title="A number, such as 2 or −1"
            data-testid="rubric-points"
            onChange={event => setPoints(event.target.value)}
          />
        </label>
        <button type="submit" className="button" disabled={action.isBusy} data-testid="rubric-add">
          Add
        </button>
      </div>
      <p className="quiet small">
        Everybody who grades this question sees the rubric. Items that only take points are taken
        from all of them; else points are added up.
      </p>
      {action.problem && <Failure problem={action.problem} retry={action.clear} />}
    </form>
  );
}

/** The rubric's items as switches, the first nine on the keys 1 to 9. */
export function Rubric(props: {
  place: RubricPlace;
  rubric: Remote<RubricItem[]>;
  marks: string[];
  toggle: (item: string) => void;
}): React.JSX.Element {
  const { rubric, marks } = props;
  const [isEditing, setEditing] = useState(false);
  const items = rubric.data ?? [];
  return (
    <div className="rubric" role="group" aria-label="Rubric">
      <div className="section-head">
        <h3>Rubric</h3>
        <button
          type="button"
          className="button small"
          aria-expanded={isEditing}
          data-testid="rubric-edit"
          onClick={() => setEditing(!isEditing)}
        >
          {isEditing ? 'Done' : items.length === 0 ? 'Make a rubric' : 'Change'}
        </button>
      </div>
      {rubric.problem && <Failure problem={rubric.problem} retry={rubric.reload} />}
      {items.length > 0 && !isEditing && (
        <ul className="rubric-items">
          {items.map((item, index) => (
            <li key={item.id}>
              <button
                type="button"
                aria-pressed={marks.includes(item.id)}
                data-testid={`rubric-item-${index + 1}`}
                onClick={() => props.toggle(item.id)}
              >
                {index < 9 && <kbd aria-hidden="true">{index + 1}</kbd>}
                <span className="rubric-title">{item.title}</span>
                <span className="number">{deltaText(item.points)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {isEditing && <Editor place={props.place} items={items} changed={rubric.reload} />}
    </div>
  );
}
