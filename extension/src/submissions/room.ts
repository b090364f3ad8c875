import type { ILabShell } from '@jupyterlab/application';

/** Pixels below which a notebook can't be read beside its toolbar's Check and Submit. */
export const NARROWEST_NOTEBOOK = 320;

/** What decides about the sidebars; widths in CSS pixels, which a zoomed page has fewer of. */
export interface Room {
  notebook: number;
  leftIsOpen: boolean;
  rightIsOpen: boolean;
}

/** Whether both sidebars together leave the notebook too little, so that the left one has to go. */
export function isCramped(room: Room): boolean {
  return room.leftIsOpen && room.rightIsOpen && room.notebook < NARROWEST_NOTEBOOK;
}

/**
 * Keeps a notebook readable beside the results: closes the left sidebar where both leave it too little room.
 *
 * Lab squeezes what is in the middle to nothing, and restores sidebars that were opened in a narrow window just as
 * wide, in proportion, in a wide one.
 */
export function makeRoom(shell: ILabShell): void {
  const middle = document.getElementById('jp-main-dock-panel');
  if (
    middle &&
    isCramped({
      notebook: middle.offsetWidth,
      leftIsOpen: !shell.leftCollapsed,
      rightIsOpen: !shell.rightCollapsed
    })
  ) {
    shell.collapseLeft();
  }
}
