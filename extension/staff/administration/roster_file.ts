const LARGEST_BYTES = 10_000_000;

/** A chosen file's text, or why it is no roster, in words. */
export type Chosen = { text: string } | { refused: string };

/**
 * Reads a chosen file. Bytes that are no UTF-8 would else become question marks in people's names, and garbage would
 * take the place of what stands in the form.
 */
export async function rosterText(file: Blob): Promise<Chosen> {
  if (file.size > LARGEST_BYTES) {
    return { refused: 'This file is larger than 10 MB. Choose a roster’s CSV file.' };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    return text.includes('\0')
      ? { refused: 'This file is no text. Save the sheet as “CSV UTF-8”, then choose that.' }
      : { text };
  } catch {
    return { refused: 'This file is not UTF-8. Save it as “CSV UTF-8”, then choose it again.' };
  }
}
