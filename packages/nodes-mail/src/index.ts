export { emailSend } from "./send.ts";
