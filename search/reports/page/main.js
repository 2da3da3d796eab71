// Draws all parts once; after that they follow the selection.

document.body.append(tip);
drawFront();
drawParallel();
drawTable();
drawConvergence();
drawSeverities();
drawShifts();
drawClasses();
drawPictures();
select(front.length ? front[0].id : trials.length ? trials[0].id : null);
