/** Before any schema is made: the page's content security policy refuses code made at run time, which zod would try. */
import { z } from "zod";

z.config({ jitless: true });
