// Draws the front alone, and what is known of the selected trial.

document.body.append(tip);
drawFront();
select(front.length ? front[0].id : trials.length ? trials[0].id : null);
