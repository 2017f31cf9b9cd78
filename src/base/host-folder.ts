/** A host's name as one path component, for what several machines keep in one directory. */
export function hostFolder(host: string): string {
  return host.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '_') || 'host';
}
