export { Runtime } from "@atomiton/runtime";
