/** Electron's own types fit what is asked of them here; the compiler checks it. */
import type {
  IpcMain,
  IpcMainEvent,
  IpcRenderer,
  MessagePortMain,
  ParentPort,
  UtilityProcess,
  WebContents,
  WebFrameMain,
} from "electron";
import { expectTypeOf, test } from "vitest";

import type { FrameLike, IpcEventLike, IpcMainLike, WebContentsLike } from "../../src/transports/electron-main.ts";
import type { UtilityLike } from "../../src/transports/electron-port.ts";
import type { IpcRendererLike } from "../../src/transports/electron-renderer.ts";
import type { ParentPortLike } from "../../src/transports/electron-utility.ts";
import type { PortLike } from "../../src/transports/port.ts";

test("[E-EL-23] Electron's types fit the shapes that are asked of them", () => {
  expectTypeOf<MessagePortMain>().toExtend<PortLike>();
  expectTypeOf<IpcMain>().toExtend<IpcMainLike>();
  expectTypeOf<IpcMainEvent>().toExtend<IpcEventLike>();
  expectTypeOf<WebContents>().toExtend<WebContentsLike>();
  expectTypeOf<WebFrameMain>().toExtend<FrameLike>();
  expectTypeOf<UtilityProcess>().toExtend<UtilityLike>();
  expectTypeOf<ParentPort>().toExtend<ParentPortLike>();
  expectTypeOf<IpcRenderer>().toExtend<IpcRendererLike>();
});
