import type { Listed } from '../api/client';

/** Where an attempt is in one page of a list, and on which pages its neighbours are. */
export function placeInList(
  list: Pick<Listed<{ id: string }>, 'items' | 'page' | 'limit' | 'total'>,
  attempt: string
): {
  index: number;
  position: number | null;
  previousPage: number | null;
  nextPage: number | null;
} {
  const index = list.items.findIndex(item => item.id === attempt);
  if (index < 0) {
    return { index, position: null, previousPage: null, nextPage: null };
  }
  const position = (list.page - 1) * list.limit + index + 1;
  return {
    index,
    position,
    previousPage: index > 0 ? list.page : list.page > 1 ? list.page - 1 : null,
    nextPage:
      index < list.items.length - 1 ? list.page : position < list.total ? list.page + 1 : null
  };
}
