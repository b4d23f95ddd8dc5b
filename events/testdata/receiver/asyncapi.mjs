// Parses an AsyncAPI document with AsyncAPI's own parser; every error fails.
import { Parser, fromFile } from '@asyncapi/parser';

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
for (const found of diagnostics) console.log(found.code, found.path.join('.'), found.message);
if (!document || diagnostics.some((found) => found.severity === 0)) process.exit(1);
console.log(`ok: AsyncAPI ${document.version()}, ${document.channels().length} channels, ${document.messages().length} messages`);
