/** The page: starts the app in its element. */
import { render } from 'preact';

render(<h1>Overtone</h1>, document.querySelector('#app')!);
