/** The page: starts the app in its element, then the history, the queue and the model. */
import { render } from 'preact';
import { keepModel, keepPage } from '../offline/keep.ts';
import { App } from './app.tsx';
import { startHistory } from './history_actions.ts';
import { listenForFiles } from './incoming.ts';
import { listenToKeys } from './keyboard.ts';
import { fromFragment } from './logic/sharing.ts';
import { lastModel, openModel, openedModel } from './model.ts';
import { startQueue } from './queue_runner.ts';
import { tellLosses } from './recovering.ts';
import { defaults, draft, startTitle } from './state.ts';
import { allowOwnScripts } from './trusted_types.ts';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/parts.css';
import './styles/dialogs.css';

function readLink(): void {
  const settings = fromFragment(location.hash, defaults.value);
  if (settings) draft.value = settings;
}

allowOwnScripts();
await keepPage();
readLink();
addEventListener('hashchange', readLink);
render(<App />, document.querySelector('#app')!);
listenToKeys();
listenForFiles();
startTitle();
tellLosses();
void startHistory().then(startQueue);
void openModel(lastModel.value).then(() => {
  if (openedModel()?.source === 'embedded') void keepModel();
});
