import type { Place } from '../navigation/addresses';
import { Link } from '../navigation/router';

import { numberText } from './figures';

/** "26–50 of 112" with links to the neighbouring pages. */
export function Pager(props: {
  page: number;
  limit: number;
  total: number;
  to: (page: number) => Place;
}): React.JSX.Element {
  const { page, limit, total } = props;
  const first = total === 0 ? 0 : (page - 1) * limit + 1;
  const last = Math.min(page * limit, total);
  return (
    <nav className="pager" aria-label="Pages">
      <span className="quiet">
        {first > last
          ? `There is no page ${numberText(page)}`
          : `${numberText(first)}–${numberText(last)} of ${numberText(total)}`}
      </span>
      {page > 1 && (
        <Link
          to={props.to(Math.max(1, Math.min(page - 1, Math.ceil(total / limit))))}
          className="button"
        >
          Previous page
        </Link>
      )}
      {last < total && (
        <Link to={props.to(page + 1)} className="button">
          Next page
        </Link>
      )}
    </nav>
  );
}
