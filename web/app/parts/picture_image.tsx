/** A picture of the history as an image; its file is read when it is first shown. */
import { useEffect, useState } from 'preact/hooks';
import { type Entry, titleOf } from '../logic/history.ts';
import { pictureUrl } from '../store/pictures.ts';

export function PictureImage({
  entry,
  decorative,
  class: name,
}: {
  entry: Entry;
  decorative?: boolean;
  class?: string;
}) {
  const [url, setUrl] = useState<{ id: string; address: string }>();
  useEffect(() => {
    let wanted = true;
    pictureUrl(entry.id).then(
      (address) => wanted && setUrl({ id: entry.id, address }),
      () => wanted && setUrl(undefined),
    );
    return () => {
      wanted = false;
    };
  }, [entry.id]);
  const { width, height } = entry;
  const src = url?.id === entry.id ? url.address : undefined;
  return (
    <img
      class={name}
      src={src}
      width={width}
      height={height}
      alt={decorative ? '' : titleOf(entry)}
      draggable={false}
    />
  );
}
