import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";

import { IconButton } from "./button.tsx";

type Place = "center" | "left" | "bottom";

const places: Record<Place, string> = {
  center:
    "top-[8vh] left-1/2 w-[min(30rem,calc(100vw-2rem))] max-h-[84vh] -translate-x-1/2 rounded-2xl data-[starting-style]:opacity-0 data-[starting-style]:translate-y-2 data-[ending-style]:opacity-0",
  left: "inset-y-0 left-0 w-[min(20rem,86vw)] border-r data-[starting-style]:-translate-x-full data-[ending-style]:-translate-x-full",
  bottom:
    "inset-x-0 bottom-0 h-[72dvh] rounded-t-2xl data-[starting-style]:translate-y-full data-[ending-style]:translate-y-full",
};

interface Props {
  isOpen: boolean;
  onClose: () => void;
  title: string;
  /** The title is said but not shown: the content has one of its own. */
  isTitleHidden?: boolean;
  place: Place;
  children: ReactNode;
}

/** A dialog: holds the focus while it is open, closes by Escape and by a click outside, gives the focus back. */
export function Sheet({ isOpen, onClose, title, isTitleHidden = false, place, children }: Props): ReactNode {
  return (
    <Dialog.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-[var(--scrim)] transition-opacity duration-150 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0" />
        <Dialog.Popup
          className={`fixed z-50 flex flex-col overflow-hidden border-line bg-surface text-text shadow-high transition-[transform,opacity,translate] duration-150 ease-out outline-none ${places[place]}`}
        >
          {isTitleHidden ? (
            <Dialog.Title className="sr-only">{title}</Dialog.Title>
          ) : (
            <div className="flex items-center justify-between gap-3 border-b border-line py-2.5 pr-2.5 pl-5">
              <Dialog.Title className="truncate text-base font-semibold">{title}</Dialog.Title>
              <IconButton icon="close" name="Close" onClick={onClose} />
            </div>
          )}
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
