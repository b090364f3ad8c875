import type { Outline } from '../api/types';

/** The lessons of an outline whose titles hold every word of a search, unit by unit. */
export function filterOutline(outline: Outline, query: string): Outline['units'] {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return outline.units;
  }
  return outline.units
    .map(unit => ({
      ...unit,
      lessons: unit.lessons.filter(lesson => {
        const text = `${unit.title} ${lesson.title}`.toLocaleLowerCase();
        return words.every(word => text.includes(word));
      })
    }))
    .filter(unit => unit.lessons.length > 0);
}
