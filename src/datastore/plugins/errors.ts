import { defineErrors } from '#base';

/** Errors of transfer plugins. What a plugin itself says is never an error of ours: see `outcome.ts`. */
export const pluginErrors = defineErrors({
  PLUGIN_MISSING: {
    message: 'the transfer plugin {plugin} does not exist',
    todo: 'Correct its path in transfer-plugins, or install it on this machine.',
    status: 500,
    example: { plugin: '/usr/libexec/windrow/curl_plugin' },
  },
  PLUGIN_NOT_EXECUTABLE: {
    message: 'the transfer plugin {plugin} cannot be executed: {reason}',
    todo: 'Make it an executable file for the account of Windrow, with an interpreter that is there.',
    status: 500,
    example: { plugin: '/usr/libexec/windrow/curl_plugin', reason: 'permission denied' },
  },
  PLUGIN_UNFIT: {
    message: 'the transfer plugin {plugin} does not answer -classad as it must: {found}',
    todo: 'Run "{plugin} -classad": it must print PluginType = "FileTransfer" and SupportedMethods.',
    status: 500,
    example: { plugin: '/usr/libexec/windrow/curl_plugin', found: 'it ended with exit code 1' },
  },
});
