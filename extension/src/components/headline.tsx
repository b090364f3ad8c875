import { MoodIcon } from './icons';

export type Mood = 'passed' | 'failed' | 'waiting' | 'plain';

/** One sentence in front of everything else; its icon carries the state, so that the words stay calm. */
export function Headline(props: { text: string; mood: Mood; testId?: string }): React.JSX.Element {
  return (
    <p className="sh-Headline" data-testid={props.testId} data-mood={props.mood}>
      {props.mood !== 'plain' && <MoodIcon mood={props.mood} />}
      <span>{props.text}</span>
    </p>
  );
}
