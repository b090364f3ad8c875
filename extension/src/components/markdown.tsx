import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Widget } from '@lumino/widgets';
import { useLayoutEffect, useRef } from 'react';

/** Markdown drawn by Lab's own renderer, with its sanitizer, formulas and code colours. */
export function Markdown(props: {
  text: string;
  rendermime: IRenderMimeRegistry;
}): React.JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const { text, rendermime } = props;
  useLayoutEffect(() => {
    const place = host.current;
    if (!place) {
      return undefined;
    }
    const renderer = rendermime.createRenderer('text/markdown');
    const model = rendermime.createModel({ data: { 'text/markdown': text }, trusted: false });
    void renderer.renderModel(model).then(() => {
      if (!renderer.isDisposed && place.isConnected) {
        Widget.attach(renderer, place);
      }
    });
    return () => {
      // Lumino refuses to detach what the page has dropped already; then nothing is left to free.
      if (!renderer.isAttached || renderer.node.isConnected) {
        renderer.dispose();
      }
    };
  }, [text, rendermime]);
  return <div className="sh-Markdown" ref={host} />;
}
