import { parseBracketedAd, parseLineAds } from './ad-text.ts';
import { parseJsonAds } from './json-form.ts';
import type { Ad } from './value.ts';
import { parseXmlAds } from './xml-form.ts';

/**
 * Reads ads in whichever form they are: `[ … ]`, one attribute per line, JSON or XML; the first
 * character tells. Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_FORM_WRONG`, `CLASSAD_TOO_LARGE`.
 */
export function parseAds(text: string): Ad[] {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  const start = body.trimStart();
  if (start.startsWith('<')) return parseXmlAds(body);
  // A JSON list of ads begins as an ad does, but no ad has a brace or its end there.
  if (/^(\{|\[\s*(\{|\]\s*$))/.test(start)) return parseJsonAds(body);
  return start.startsWith('[') ? [parseBracketedAd(body)] : parseLineAds(body);
}
